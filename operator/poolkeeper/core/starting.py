"""Rules about starts: how many, how late, and when to take one back."""

import math

from poolkeeper.api.pool import StartMode
from poolkeeper.core import objective, outlook, say, sizing
from poolkeeper.core.case import Case, Choice
from poolkeeper.core.decision import Reason
from poolkeeper.core.demand import Workload
from poolkeeper.core.observation import Replicas
from poolkeeper.core.sizing import Capacity, Plan
from poolkeeper.core.spec import PoolSpec
from poolkeeper.core.state import PoolState
from poolkeeper.core.stopping import confirmed_idle_at, is_expecting, starting_are_unused

EARLIEST_TAIL = 0.2
"""A starting replica is reckoned to be ready after the time that one start in five exceeds."""
MOST_GROWTH = 3
FIRST_STEP = 32
"""Until replicas are ready, at most FIRST_STEP or MOST_GROWTH times the ready ones are asked for."""
CATCH_UP = 0.5
"""Part of a broken request's price that counts when replicas are added to catch up with a backlog."""
LATE_SHARE = 0.25
LEARNED_STARTS = 2
"""Own starts that must have been seen before one may be delayed."""


def plan_starts(now: float, spec: PoolSpec, workload: Workload, replicas: Replicas, state: PoolState) -> Plan:
    """What the waiting requests need beyond the replicas that are there or on their way."""
    if not workload.queued:
        return sizing.NOTHING
    starts = state.starts
    ready = min(replicas.ready, replicas.desired)
    capacity = Capacity(
        free=max(0.0, ready * spec.concurrency - workload.in_flight) if ready else 0.0,
        ready=ready,
        ready_at=tuple(
            now + starts.remaining(now - starting.asked_at, EARLIEST_TAIL) for starting in replicas.starting
        ),
        slots=spec.concurrency,
        rate=state.service.per_replica(spec.concurrency, workload.in_flight),
    )
    allowance = state.objective.allowance(outlook.allowed_share(spec))
    return sizing.plan(
        now,
        workload.waiting,
        spec.budget_seconds - outlook.margin_seconds(spec),
        capacity,
        lambda requests: starts.quantile(min(allowance / requests, objective.MOST_RISK)),
        grace=spec.budget_seconds / 4.0,
        growth=state.load.growth,
    )


def start_ahead(case: Case) -> Choice | None:
    """Where a start outlasts the budget, a growing load is met before its requests are late."""
    spec, state = case.spec, case.state
    start_seconds = _expected_start(case)
    shortfall_seconds = start_seconds - spec.budget_seconds + outlook.margin_seconds(spec)
    if case.plan.late:
        shortfall_seconds = max(shortfall_seconds, LATE_SHARE * start_seconds)
    if shortfall_seconds <= 0.0 or case.workload.is_empty:
        return None
    desired = case.replicas.desired
    needed = outlook.needed_replicas(spec, case.workload, state)
    if case.plan.late or not case.replicas.ready:
        needed = max(needed, _to_catch_up(case, shortfall_seconds))
    wanted = min(needed, case.limits.ceiling, max(desired, FIRST_STEP, MOST_GROWTH * case.replicas.ready))
    needed_at_once = case.plan.more if case.plan.late else 0
    if wanted <= desired + needed_at_once:
        return None
    return Choice(wanted, Reason.START_AHEAD, say.ahead(case.workload, start_seconds, wanted))


def _expected_start(case: Case) -> float:
    """What a start is reckoned to take: the median, but no less than those that are running show."""
    starts = case.state.starts
    expected = starts.p50_seconds if starts.samples >= LEARNED_STARTS else starts.quantile(EARLIEST_TAIL)
    ages = [case.now - starting.asked_at for starting in case.replicas.starting]
    return max([expected, *(age + starts.remaining(age, 0.5) for age in ages)])


def _to_catch_up(case: Case, shortfall_seconds: float) -> int:
    """Replicas that work off a backlog before too many more requests are late.

    If `load` replicas keep up with the arrivals and the oldest request is `shortfall` late, k of them leave
    load × rate × shortfall / (1 - load / k) requests late until they have caught up; the k at which one more
    costs a start and saves less than that in breaks is load × (1 + √(price × rate × shortfall)).
    """
    spec, state = case.spec, case.state
    rate = state.service.per_replica(spec.concurrency, case.workload.in_flight)
    load = state.load.replicas(spec.concurrency, rate)
    hurry = math.sqrt(CATCH_UP * state.objective.price * rate * shortfall_seconds)
    return int(load * (1.0 + hurry))


def start(case: Case) -> Choice | None:
    """Ask for the replicas that the waiting requests need, when their start can wait no longer."""
    plan, desired = case.plan, case.replicas.desired
    if not plan.more:
        return None
    ready = min(case.replicas.ready, desired)
    most = min(case.limits.ceiling, max(desired, FIRST_STEP, MOST_GROWTH * ready))
    wanted = min(desired + plan.more, most)
    if wanted <= desired:
        if desired >= case.limits.ceiling:
            return Choice(desired, Reason.AT_CEILING, say.at_ceiling(case.workload.queued, desired))
        return None
    is_immediate = case.spec.start is StartMode.IMMEDIATELY or case.state.starts.samples < LEARNED_STARTS
    if is_immediate or plan.late:
        return Choice(wanted, Reason.START_AT_ONCE, _explain_start(case))
    if plan.start_at <= case.now:
        return Choice(wanted, Reason.START_FOR_DEADLINE, _explain_start(case))
    return Choice(desired, Reason.WAITING_FOR_DEADLINE, _explain_start(case), plan.start_at)


def _explain_start(case: Case) -> str:
    return say.start(case.now, case.spec, case.workload, case.plan, case.state.starts.samples)


def cancel(case: Case) -> Choice | None:
    """Take back starts that nobody needs any more: the queue has drained before they were ready."""
    replicas = case.replicas
    if not replicas.starting or case.workload.queued or is_expecting(case):
        return None
    kept = max(case.limits.floor, replicas.desired - len(replicas.starting))
    if kept >= replicas.desired or (case.workload.in_flight and kept < case.state.load.recent_peak):
        return None
    if not starting_are_unused(case):
        return None
    due_at = confirmed_idle_at(case)
    if case.workload.is_empty and due_at > case.now:
        return Choice(replicas.desired, Reason.STARTING, say.starting(replicas), due_at)
    return Choice(kept, Reason.START_CANCELLED, say.cancelled(case.now, replicas, kept))


def hold_while_starting(case: Case) -> Choice | None:
    """Which replica goes is not ours to choose, so none goes while one is loading."""
    replicas = case.replicas
    if not replicas.starting:
        return None
    first = min(starting.asked_at for starting in replicas.starting)
    remaining = case.state.starts.remaining(case.now - first, 0.5)
    due_at = case.now + max(remaining, 1.0) if case.workload.queued else math.inf
    return Choice(replicas.desired, Reason.STARTING, say.starting(replicas, remaining), due_at)
