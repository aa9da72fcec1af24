"""The decision: how many replicas a pool should have now, and why.

`decide` takes what was observed, updates what is remembered, and asks the rules in order. The first rule that
returns a `Choice` wins; a rule that does not apply returns None. Rules look at a `Case` and at nothing else.
"""

import math

from poolkeeper.core.learning import history, seen_idle
from poolkeeper.core.learning.silence import disbelieved
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import bounds, outlook, say
from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.policy.failing import note, restrain, trouble, without
from poolkeeper.core.policy.foreign import hold_back
from poolkeeper.core.policy.starting import (
    cancel,
    hold_while_starting,
    outgrown_at,
    plan_starts,
    start,
    start_ahead,
)
from poolkeeper.core.policy.stopping import hand_over, lowest_safe, safe_at, stop, stop_surplus
from poolkeeper.core.policy.waiting import explain_at, explain_wait, within_limits
from poolkeeper.core.values import excess
from poolkeeper.core.values.decision import Decision, Reason, Trouble, Verdict
from poolkeeper.core.values.demand import Workload, distrust, survey
from poolkeeper.core.values.excess import Excess
from poolkeeper.core.values.observation import Observation
from poolkeeper.core.values.spec import PoolSpec

_NEED_UNKNOWN = Verdict(
    None, "DemandUnknown", "demand is unknown, so it is unknown whether it needs more replicas than allowed"
)
_LIMITS_UNKNOWN = Verdict(None, "TargetUnknown", say.TARGET_UNKNOWN)


def decide(
    now: float, spec: PoolSpec, observation: Observation, state: PoolState
) -> tuple[Decision, PoolState]:
    """Decide how many replicas the target should have at `now`.

    Pure: the same arguments give the same result. A `now` that is earlier than one seen before counts as the
    latest one seen.
    """
    now = now if now > state.clock else state.clock
    workload = survey(now, spec, observation, max(spec.idle_seconds or 0.0, state.starts.p50_seconds))
    surplus = excess.weigh(state.excess, now, spec, workload, observation.replicas)
    if surplus is not state.excess:
        state = state._replace(excess=surplus)
    if spec.outlives_workers:
        workload = excess.without(workload, surplus)
    if blind := disbelieved(now, spec, state.silence, observation.replicas):
        workload = distrust(workload, spec, blind)
    state = history.remember(now, spec, workload, observation, state)
    attainable = bounds.budget_attainable(spec, state.starts)
    if observation.replicas is None:
        choice = Choice(state.desired or 0, Reason.TARGET_UNKNOWN, say.TARGET_UNKNOWN)
        return _conclude(choice, workload, surplus, attainable, _LIMITS_UNKNOWN), state
    if state.idle_before is not None:
        state = seen_idle.resume(now, spec, workload, state)
    if observation.replicas.desired:
        state = outlook.weigh_idling(now, spec, state)
        state = outlook.weigh_load(now, spec, workload, state)
    else:
        state = outlook.expect_arrival(now, spec, state)
    limits = bounds.limits(spec, observation, state.starts, _up_seconds(now, state))
    state, failing = note(now, observation.replicas, state)
    counted = without(observation.replicas, failing)
    plan = plan_starts(now, spec, workload, counted, limits.ceiling, state)
    found = trouble(now, observation.replicas, failing, state)
    case = Case(now, spec, workload, state, observation.replicas, limits, plan, failing, found)
    choice = explain_wait(case, restrain(case, _choose(case)))
    said_until = explain_at(case, choice)
    choice = hand_over(case, choice, observation.stop)
    choice = hold_back(case, choice, observation.held)
    if observation.replicas.unready_working:
        hint = say.working_unready(observation.replicas.unready_working)
        choice = choice._replace(message=f"{choice.message}; {hint}")
    if choice.replicas < observation.replicas.desired:
        state = state._replace(ahead_at=None)
    return _conclude(choice, workload, surplus, attainable, within_limits(case), found, said_until), state


def _up_seconds(now: float, state: PoolState) -> float:
    return 0.0 if state.ready_since is None else now - state.ready_since


def _choose(case: Case) -> Choice:
    """The answer of the first rule that applies.

    `or` is safe here: a Choice is a tuple with fields, so it is true even when it chooses 0 replicas.
    """
    return (
        _keep_in_bounds(case)
        or start_ahead(case)
        or start(case)
        or _hold_while_unknown(case)
        or cancel(case)
        or hold_while_starting(case)
        or stop_surplus(case)
        or _hold_while_working(case)
        or stop(case)
    )


def _conclude(
    choice: Choice,
    workload: Workload,
    surplus: Excess,
    attainable: Verdict,
    within_limits: Verdict,
    found: Trouble | None = None,
    said_until: float | None = None,
) -> Decision:
    if within_limits.holds and not workload.is_known:
        within_limits = _NEED_UNKNOWN
    due_at = choice.due_at if choice.due_at < surplus.believed_at else surplus.believed_at
    review_at = min(due_at, workload.fresh_until)
    # In the order of the fields: keywords take longer, and this is done at every poll of every pool.
    return Decision(
        choice.replicas,
        choice.reason,
        choice.message,
        None if math.isinf(review_at) else review_at,
        workload.verdict,
        attainable,
        within_limits,
        None if math.isinf(due_at) else due_at,
        found,
        surplus.beside(workload.orphaned),
        said_until,
    )


def _keep_in_bounds(case: Case) -> Choice | None:
    """Declared bounds come first. Replicas above the ceiling stop as soon as that can't hit work."""
    desired, limits = case.replicas.desired, case.limits
    if desired < limits.floor:
        return Choice(limits.floor, limits.floor_reason, limits.floor_message)
    if desired <= limits.ceiling:
        return None
    lowered = lowest_safe(case, limits.ceiling)
    if lowered < desired:
        return Choice(lowered, Reason.OUT_OF_BOUNDS, say.above_ceiling(desired, limits.ceiling, lowered))
    message = say.above_ceiling_but_busy(desired, limits.ceiling)
    return Choice(desired, Reason.OUT_OF_BOUNDS, message, safe_at(case))


def _hold_while_unknown(case: Case) -> Choice | None:
    """Unknown demand is not zero demand: no replica stops."""
    if case.workload.is_known:
        return None
    desired, workload = case.replicas.desired, case.workload
    message = say.demand_unknown(desired, workload.verdict.message)
    due_at = max(workload.believed_at, case.now + case.spec.poll_seconds)
    return Choice(desired, Reason.DEMAND_UNKNOWN, message, due_at)


def _hold_while_working(case: Case) -> Choice | None:
    workload, desired = case.workload, case.replicas.desired
    if workload.queued:
        message = say.within_budget(case.spec, workload, desired)
        return Choice(desired, Reason.WITHIN_BUDGET, message, outgrown_at(case))
    if workload.in_flight:
        return Choice(desired, Reason.BUSY, say.busy(workload, desired))
    return None
