"""The decision: how many replicas a pool should have now, and why.

`decide` takes what was seen, updates what is remembered, and asks the rules in order; the first that has an
opinion wins. Rules only look at a `Case`; each returns a `Choice` or None.
"""

import math
from typing import NamedTuple

from poolkeeper.api.pool import StartMode
from poolkeeper.core import bounds, history, objective, say, sizing
from poolkeeper.core.decision import Decision, Reason, Verdict
from poolkeeper.core.demand import Workload, survey
from poolkeeper.core.observation import Observation, Replicas
from poolkeeper.core.sizing import Capacity, Plan
from poolkeeper.core.spec import PoolSpec
from poolkeeper.core.state import PoolState

EARLIEST_TAIL = 0.2
"""A starting replica is reckoned to be ready after the time that one start in five exceeds."""
MOST_GROWTH = 3
FIRST_STEP = 32
"""Until replicas are ready, at most FIRST_STEP or MOST_GROWTH times the ready ones are asked for."""
MINIMUM_UP_SECONDS = 2.0


class Case(NamedTuple):
    """One call's facts, shared by all rules."""

    now: float
    spec: PoolSpec
    workload: Workload
    state: PoolState
    replicas: Replicas
    limits: bounds.Limits
    plan: Plan


class Choice(NamedTuple):
    """One rule's answer; `due_at` is when it may change without news."""

    replicas: int
    reason: Reason
    message: str
    due_at: float = math.inf


def decide(
    now: float, spec: PoolSpec, observation: Observation, state: PoolState
) -> tuple[Decision, PoolState]:
    """Decide how many replicas the target should have at `now`.

    Pure: the same arguments give the same result. A `now` that is earlier than one seen before counts as the
    latest one seen.
    """
    now = max(now, state.clock)
    workload = survey(now, spec, observation, max(spec.idle_seconds or 0.0, state.starts.p50_seconds))
    state = history.remember(now, spec, workload, observation.replicas, state)
    attainable = bounds.budget_attainable(spec, state.starts)
    if observation.replicas is None:
        choice = Choice(state.desired or 0, Reason.TARGET_UNKNOWN, say.TARGET_UNKNOWN)
        limited = Verdict(None, "TargetUnknown", say.TARGET_UNKNOWN)
        return _conclude(choice, workload, attainable, limited), state
    if observation.replicas.desired:
        state = history.weigh_idling(now, spec, state)
        state = history.weigh_load(now, spec, workload, state)
    else:
        state = history.expect_arrival(now, spec, state)
    limits = bounds.limits(spec, observation, state.starts, _up_seconds(now, state))
    plan = _plan(now, spec, workload, observation.replicas, state)
    case = Case(now, spec, workload, state, observation.replicas, limits, plan)
    choice = _choose(case)
    if choice.replicas > observation.replicas.desired:
        state = state._replace(objective=objective.start_begins(state.objective))
    elif choice.replicas < observation.replicas.desired:
        state = state._replace(ahead_at=None)
    return _conclude(choice, workload, attainable, bounds.limited(limits, choice.replicas, plan.more)), state


def _up_seconds(now: float, state: PoolState) -> float:
    return 0.0 if state.ready_since is None else now - state.ready_since


def _choose(case: Case) -> Choice:
    return (
        _keep_in_bounds(case)
        or _start_ahead(case)
        or _start(case)
        or _hold_while_unknown(case)
        or _cancel(case)
        or _hold_while_starting(case)
        or _stop_surplus(case)
        or _hold_while_working(case)
        or _stop(case)
    )


def _conclude(choice: Choice, workload: Workload, attainable: Verdict, limited: Verdict) -> Decision:
    review_at = min(choice.due_at, workload.fresh_until)
    return Decision(
        replicas=choice.replicas,
        reason=choice.reason,
        message=choice.message,
        review_at=None if math.isinf(review_at) else review_at,
        demand_known=workload.verdict,
        budget_attainable=attainable,
        limited=limited,
        due_at=None if math.isinf(choice.due_at) else choice.due_at,
    )


def _plan(now: float, spec: PoolSpec, workload: Workload, replicas: Replicas, state: PoolState) -> Plan:
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
    allowance = state.objective.allowance(history.allowed_share(spec))
    return sizing.plan(
        now,
        workload.waiting,
        spec.budget_seconds - history.margin_seconds(spec),
        capacity,
        lambda requests: starts.quantile(min(allowance / requests, objective.MOST_RISK)),
        grace=spec.budget_seconds / 4.0,
        growth=state.load.growth,
    )


def _keep_in_bounds(case: Case) -> Choice | None:
    """Declared bounds come first; what is too much goes as soon as that is safe."""
    desired, limits = case.replicas.desired, case.limits
    if desired < limits.floor:
        return Choice(limits.floor, limits.floor_reason, limits.floor_message)
    if desired <= limits.ceiling:
        return None
    lowered = _lowest_safe(case, limits.ceiling)
    if lowered < desired:
        return Choice(lowered, Reason.OUT_OF_BOUNDS, say.above_ceiling(desired, limits.ceiling))
    return Choice(desired, Reason.OUT_OF_BOUNDS, say.above_ceiling_but_busy(desired, limits.ceiling))


def _start(case: Case) -> Choice | None:
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


def _start_ahead(case: Case) -> Choice | None:
    """Where a start outlasts the budget, a growing load is met before its requests are late."""
    spec, state = case.spec, case.state
    start_seconds = _expected_start(case)
    shortfall_seconds = start_seconds - spec.budget_seconds + history.margin_seconds(spec)
    if case.plan.late:
        shortfall_seconds = max(shortfall_seconds, LATE_SHARE * start_seconds)
    if shortfall_seconds <= 0.0 or case.workload.is_empty:
        return None
    desired = case.replicas.desired
    needed = history.needed_replicas(spec, case.workload, state)
    if case.plan.late or not case.replicas.ready:
        needed = max(needed, _to_catch_up(case, shortfall_seconds))
    wanted = min(needed, case.limits.ceiling, max(desired, FIRST_STEP, MOST_GROWTH * case.replicas.ready))
    if wanted <= desired:
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


CATCH_UP = 0.5
"""Part of a broken request's price that counts when replicas are added to catch up with a backlog."""
LATE_SHARE = 0.25
LEARNED_STARTS = 2
"""Own starts that must have been seen before one may be delayed."""


def _explain_start(case: Case) -> str:
    return say.start(case.now, case.spec, case.workload, case.plan, case.state.starts.samples)


def _hold_while_unknown(case: Case) -> Choice | None:
    """What is not known is not zero."""
    if case.workload.is_known:
        return None
    desired = case.replicas.desired
    return Choice(desired, Reason.DEMAND_UNKNOWN, say.demand_unknown(desired, case.workload.verdict.message))


def _cancel(case: Case) -> Choice | None:
    """Take back starts that nobody needs any more: the queue has drained before they were ready."""
    replicas = case.replicas
    if not replicas.starting or case.workload.queued or _is_expecting(case):
        return None
    kept = max(case.limits.floor, replicas.desired - len(replicas.starting))
    if kept >= replicas.desired or (case.workload.in_flight and kept < case.state.load.recent_peak):
        return None
    if not _starting_are_unused(case):
        return None
    due_at = _confirmed_idle_at(case)
    if case.workload.is_empty and due_at > case.now:
        return Choice(replicas.desired, Reason.STARTING, say.starting(replicas), due_at)
    return Choice(kept, Reason.START_CANCELLED, say.cancelled(case.now, replicas, kept))


def _starting_are_unused(case: Case) -> bool:
    """Whether no starting replica can have taken work already, its readiness not being known here yet."""
    if case.workload.is_empty and case.workload.unseen_seconds == 0.0:
        return True
    fastest = 0.5 * case.state.starts.quantiles[0]
    return all(case.now - starting.asked_at < fastest for starting in case.replicas.starting)


def _hold_while_starting(case: Case) -> Choice | None:
    """Which replica goes is not ours to choose, so none goes while one is loading."""
    replicas = case.replicas
    if not replicas.starting:
        return None
    first = min(starting.asked_at for starting in replicas.starting)
    remaining = case.state.starts.remaining(case.now - first, 0.5)
    due_at = case.now + max(remaining, 1.0) if case.workload.queued else math.inf
    return Choice(replicas.desired, Reason.STARTING, say.starting(replicas, remaining), due_at)


def _stop_surplus(case: Case) -> Choice | None:
    """Replicas that the load of the last time did not need go, where that can't hit work."""
    spec, workload, replicas = case.spec, case.workload, case.replicas
    kept = max(case.limits.floor, 1, case.state.load.recent_peak)
    if kept >= replicas.desired or workload.queued:
        return None
    if workload.in_flight and not spec.drains_on_termination:
        return None
    if workload.unseen_seconds and not spec.drains_on_termination:
        return None
    if workload.is_empty and _stop_at(case)[0] > case.now and not spec.drains_on_termination:
        return None
    if workload.is_empty and _stop_at(case)[0] <= case.now:
        return None
    return Choice(kept, Reason.STOP_SURPLUS, say.surplus(workload, replicas.desired, kept))


def _hold_while_working(case: Case) -> Choice | None:
    workload, desired = case.workload, case.replicas.desired
    if workload.queued:
        return Choice(desired, Reason.WITHIN_BUDGET, say.within_budget(case.spec, workload, desired))
    if workload.in_flight:
        return Choice(desired, Reason.BUSY, say.busy(workload, desired))
    return None


def _stop(case: Case) -> Choice:
    """An idle pool goes down to its floor once idling has become dearer than the next start."""
    desired, floor = case.replicas.desired, case.limits.floor
    if desired <= floor:
        return _at_floor(case)
    stop_at, reason = _stop_at(case)
    idle_for = case.now - (case.state.idle_since if case.state.idle_since is not None else case.now)
    if case.now < stop_at:
        return Choice(desired, reason, say.idle(desired, idle_for, stop_at - case.now, reason), stop_at)
    return Choice(floor, Reason.STOP_IDLE, say.stopped(floor, idle_for, case.state.idle_seconds or 0.0))


def _at_floor(case: Case) -> Choice:
    limits = case.limits
    if case.replicas.desired == 0:
        if _is_expecting(case) and limits.ceiling > 0:
            return Choice(1, Reason.START_AHEAD, say.expected(case.now - case.state.gaps.arrived_at))
        due_at = math.inf if case.state.ahead_at is None else case.state.ahead_at
        return Choice(0, Reason.AT_ZERO, say.AT_ZERO, min(limits.changes_at, due_at))
    return Choice(case.replicas.desired, limits.floor_reason, limits.floor_message, limits.changes_at)


def _is_expecting(case: Case) -> bool:
    """Whether a start ahead of a request that has not come yet is due."""
    return case.state.ahead_at is not None and case.state.ahead_at <= case.now


def _stop_at(case: Case) -> tuple[float, Reason]:
    """When an idle pool may stop, and what it waits for."""
    state, workload = case.state, case.workload
    confirmed_at = _confirmed_idle_at(case)
    idle_since = state.idle_since if state.idle_since is not None else case.now
    stop_at = max(confirmed_at, idle_since + (state.idle_seconds or 0.0))
    if state.ready_since is not None:
        stop_at = max(stop_at, state.ready_since + MINIMUM_UP_SECONDS)
    unseen_until = state.worked_at + workload.unseen_seconds if workload.unseen_seconds else -math.inf
    if unseen_until > stop_at:
        return unseen_until, Reason.IN_FLIGHT_UNSEEN
    return stop_at, Reason.IDLE


def _confirmed_idle_at(case: Case) -> float:
    """One empty reading may fall between a request's leaving the queue and its being seen in flight."""
    idle_since = case.state.idle_since
    if idle_since is None:
        return math.inf
    poll_seconds = max(source.poll_seconds for source in case.spec.sources)
    oldest = min(reading.observed_at for reading in case.workload.readings)
    if oldest > idle_since + 0.5 * poll_seconds:
        return case.now
    return max(idle_since, case.now) + poll_seconds


def _lowest_safe(case: Case, target: int) -> int:
    """How far the replicas may be lowered now towards `target` without touching work or a needed start."""
    replicas, workload = case.replicas, case.workload
    if not workload.is_known:
        return replicas.desired
    if replicas.starting:
        unused = _starting_are_unused(case)
        return max(target, replicas.desired - len(replicas.starting)) if unused else replicas.desired
    is_idle = workload.is_empty and _stop_at(case)[0] <= case.now
    return target if is_idle or case.spec.drains_on_termination else replicas.desired
