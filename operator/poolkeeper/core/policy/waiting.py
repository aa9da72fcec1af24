"""What a decision that starts nothing says about the requests that wait: in time, late, or above the ceiling.

Nothing here changes a number of replicas.
"""

from poolkeeper.core.policy import say
from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.policy.sizing import StartPlan
from poolkeeper.core.values.decision import Reason, Verdict
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.spec import PoolSpec

_HOLDING = (Reason.WITHIN_BUDGET, Reason.STARTING)
_EXPLAINED = (*_HOLDING, Reason.LATE, Reason.NO_START_HELPS, Reason.AT_CEILING)
_WITHIN_LIMITS = Verdict(True, "WithinBounds", "the ceiling allows the replicas that the demand needs")


def explain_wait(case: Case, choice: Choice) -> Choice:
    """The same number of replicas, with what is true of the waiting requests while it stays: they are late,
    need more replicas than are allowed, or will be late and no start would be faster."""
    if not case.workload.waiting or choice.reason not in _HOLDING:
        return choice
    now, is_late = case.now, case.now >= _late_at(case)
    if exceeds_ceiling(case):
        waits = _late(now, case.spec, case.workload) if is_late else say.waits(now, case.workload)
        allowed_by = _allowed_by(case.limits.ceiling, case.spec)
        message = _at_ceiling(waits, case.limits.ceiling, allowed_by)
        return Choice(choice.replicas, Reason.AT_CEILING, message, choice.due_at)
    if is_late:
        is_starting = choice.reason is Reason.STARTING
        meanwhile = choice.message if is_starting else _taken_by(case.replicas.ready, case.plan)
        message = f"{_late(now, case.spec, case.workload)}; {meanwhile}"
        return Choice(choice.replicas, Reason.LATE, message, choice.due_at)
    if case.plan.unhelped and choice.reason is Reason.WITHIN_BUDGET:
        message = _no_start_helps(now, case.spec, case.workload, case.replicas.ready, case.plan)
        return Choice(choice.replicas, Reason.NO_START_HELPS, message, choice.due_at)
    return choice


def explain_at(case: Case, choice: Choice) -> float | None:
    """When to look again only to say what is true then: when the oldest request becomes late, and after that
    whenever its age has doubled."""
    if not case.workload.waiting or choice.reason not in _EXPLAINED:
        return None
    late_at, now = _late_at(case), case.now
    return late_at if now < late_at else now + max(now - case.workload.waiting[0].arrived_at, 1.0)


def _late_at(case: Case) -> float:
    return case.workload.waiting[0].arrived_at + case.spec.budget_seconds


def exceeds_ceiling(case: Case) -> bool:
    """Whether the requests that wait, or the load that grows, need more replicas than are allowed now.

    Replicas that are starting take requests too: only what is left over needs more.
    """
    plan, replicas, ceiling = case.plan, case.replicas, case.limits.ceiling
    if plan.more and replicas.desired - len(case.failing) + plan.more > ceiling:
        return True
    if replicas.desired < ceiling or not case.workload.queued:
        return False
    if plan.unhelped > len(case.coming) * case.spec.concurrency:
        return True
    rate = case.state.service.per_replica(case.spec.concurrency, case.workload.in_flight)
    return case.state.load.replicas(case.spec.concurrency, rate) > ceiling


def within_limits(case: Case) -> Verdict:
    """Whether the ceiling, and quota, allow as many replicas as the demand needs."""
    if exceeds_ceiling(case):
        ceiling, allowed_by = case.limits.ceiling, _allowed_by(case.limits.ceiling, case.spec)
        reason = "AtCeiling" if ceiling >= case.spec.max_replicas else "AtQuota"
        more = f"the demand needs more than the {say.count(ceiling, 'replica')} that {allowed_by} allows"
        return Verdict(False, reason, more)
    found = case.trouble
    if found and case.workload.queued and not (found.is_failure or found.may_pass):
        needed = say.count(case.replicas.desired, "replica")
        return Verdict(False, "NotAdmitted", f"the demand needs {needed}, but {found.sentence}")
    return _WITHIN_LIMITS


def _at_ceiling(waits: str, ceiling: int, allowed_by: str) -> str:
    """More would be started if they were allowed."""
    return f"{waits}, but the pool may have no more than {say.count(ceiling, 'replica')} ({allowed_by})"


def _allowed_by(ceiling: int, spec: PoolSpec) -> str:
    """What keeps the pool from more replicas."""
    return "quota" if ceiling < spec.max_replicas else "spec.replicas.max"


def _late(now: float, spec: PoolSpec, workload: Workload) -> str:
    """Requests that have waited longer than the budget. The instant is there because the seconds are as old
    as the decision."""
    number, oldest = 0, workload.waiting[0].arrived_at
    for arrived_at, requests in workload.waiting:
        number += requests if now >= arrived_at + spec.budget_seconds else 0
    have, longest = ("has", "") if number == 1 else ("have", "the oldest ")
    return (
        f"{say.count(number, 'request')} {have} waited longer than {say.budget(spec)}, {longest}for "
        f"{now - oldest:.0f} s (since {say.time_of_day(oldest)})"
    )


def _taken_by(ready: int, plan: StartPlan) -> str:
    """What becomes of late requests for which nothing is started."""
    replicas = say.count(ready, "ready replica")
    if not plan.unhelped:
        return f"{replicas} can take them now"
    return f"{replicas} should take them within {say.seconds(plan.taken_in)}{_no_faster(plan)}"


def _no_start_helps(now: float, spec: PoolSpec, workload: Workload, ready: int, plan: StartPlan) -> str:
    """Requests that will be late although nothing is started for them."""
    late, replicas = say.count(plan.unhelped, "request"), say.count(ready, "ready replica")
    return (
        f"{say.waits(now, workload)}; {late} will wait longer than {say.budget(spec)}, and {replicas} should "
        f"take all within {say.seconds(plan.taken_in)}{_no_faster(plan)}"
    )


def _no_faster(plan: StartPlan) -> str:
    faster = "would not be faster" if plan.start_seconds >= plan.taken_in else "would hardly be faster"
    return f"; a start, which usually takes {say.seconds(plan.start_seconds)}, {faster}"
