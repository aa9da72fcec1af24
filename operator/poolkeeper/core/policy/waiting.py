"""What a decision that starts nothing says about the requests that wait: in time, late, or above the ceiling.

Nothing here changes a number of replicas.
"""

from poolkeeper.core.policy import say
from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.policy.sizing import StartPlan
from poolkeeper.core.values.decision import Reason, Verdict
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import QUOTA
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.core.values.stake import Stake

_HOLDING = (Reason.WITHIN_BUDGET, Reason.STARTING)
_WITHIN_LIMITS = Verdict(True, "WithinBounds", "the ceiling allows the replicas that the demand needs")


def explain_wait(case: Case, choice: Choice) -> Choice:
    """The same number of replicas, with what is true of the waiting requests while it stays, and when to say
    so again: when the oldest request becomes late, and after that whenever its age has doubled."""
    if choice.reason not in _HOLDING:
        return choice
    now, late_at = case.now, _late_at(case)
    reason, message = _what_is_true(case, choice, is_late=now >= late_at)
    explain_at = late_at if now < late_at else now + max(now - case.workload.waiting[0].arrived_at, 1.0)
    return Choice(choice.replicas, reason, message, choice.due_at, explain_at)


def _what_is_true(case: Case, choice: Choice, *, is_late: bool) -> tuple[Reason, str]:
    """The requests need more replicas than are allowed, are late, will be late and no start would be faster,
    or are as the choice says."""
    now, spec, workload, ready = case.now, case.spec, case.workload, case.replicas.ready
    if exceeds_ceiling(case):
        waits = _late(now, spec, workload) if is_late else say.waits(now, workload)
        ceiling = case.limits.ceiling
        return Reason.AT_CEILING, _at_ceiling(waits, ceiling, _allowed_by(case))
    if is_late:
        is_starting = choice.reason is Reason.STARTING
        meanwhile = choice.message if is_starting else _taken_by(ready, case.plan)
        return Reason.LATE, f"{_late(now, spec, workload)}; {meanwhile}"
    if case.plan.unhelped and choice.reason is Reason.WITHIN_BUDGET:
        return Reason.NO_START_HELPS, _no_start_helps(now, spec, workload, ready, case.plan)
    return choice.reason, choice.message


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
    if plan.unhelped and plan.unhelped > len(case.coming) * case.spec.concurrency:
        return True
    rate = case.state.service.per_replica(case.spec, case.workload.in_flight)
    return case.state.load.replicas(case.spec.concurrency, rate) > ceiling


def within_limits(case: Case, stake: Stake | None = None) -> Verdict:
    """Whether the ceiling, and quota, allow as many replicas as the demand needs."""
    ceiling = case.limits.ceiling
    if exceeds_ceiling(case):
        allowed_by, lowered = _allowed_by(case), case.limits.ceiling_by
        reason = "AtCeiling" if lowered is None else lowered.reason
        more = f"the demand needs more than the {say.count(ceiling, 'replica')} that {allowed_by} allows"
        return Verdict(False, reason, more)
    if stake is not None and case.limits.is_quota and stake.wanted > ceiling:
        wanted, allowed = say.count(stake.wanted, "replica"), say.count(ceiling, "replica")
        return Verdict(False, QUOTA.reason, f"the pool needs {wanted}, and quota allows {allowed}")
    found = case.trouble
    if found and case.workload.queued and not (found.is_failure or found.may_pass):
        needed = say.count(case.replicas.desired, "replica")
        return Verdict(False, "NotAdmitted", f"the demand needs {needed}, but {found.sentence}")
    return _WITHIN_LIMITS


def _at_ceiling(waits: str, ceiling: int, allowed_by: str) -> str:
    """More would be started if they were allowed."""
    return f"{waits}, but the pool may have no more than {say.count(ceiling, 'replica')} ({allowed_by})"


def _allowed_by(case: Case) -> str:
    """What keeps the pool from more replicas."""
    lowered, pods = case.limits.ceiling_by, case.spec.pods_per_replica
    if lowered is not None:
        return lowered.words
    return "spec.replicas.max" if pods == 1 else f"spec.replicas.max of {case.limits.ceiling * pods} pods"


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
