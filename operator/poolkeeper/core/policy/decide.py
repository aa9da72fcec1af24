"""The decision: how many replicas a pool should have now, and why.

`decide` believes what it can of the demand, learns from what has moved, looks ahead, chooses, and amends the
choice. Rules look at a `Case` and at nothing else. To choose, they are asked in order: the first that returns
a `Choice` wins, and one that does not apply returns None.
"""

import math
from dataclasses import replace

from poolkeeper.core.learning import history, seen_idle
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import bounds, outlook, say
from poolkeeper.core.policy.attainable import budget_attainable
from poolkeeper.core.policy.belief import believe
from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.policy.failing import failing_starts, restrain, settle, trouble, without
from poolkeeper.core.policy.foreign import hold_back
from poolkeeper.core.policy.stake import at_stake
from poolkeeper.core.policy.starting import (
    cancel,
    expected_start,
    hold_while_starting,
    outgrown_at,
    plan_starts,
    shorten_delay,
    start,
    start_ahead,
)
from poolkeeper.core.policy.stopping import hand_over, lowest_safe, safe_at, stop, stop_surplus
from poolkeeper.core.policy.together import Wish, asking, come_up, naming, stop_together
from poolkeeper.core.policy.waiting import explain_wait, within_limits
from poolkeeper.core.values.decision import Decision, Reason, Trouble, Verdict
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Observation, Replicas
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.core.values.stake import Stake

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
    replicas = observation.replicas
    workload, state = believe(now, spec, observation, state)
    state = history.remember(now, spec, workload, observation, state)
    if replicas is None:
        choice = Choice(state.desired or 0, Reason.TARGET_UNKNOWN, say.TARGET_UNKNOWN)
        wish = Wish(choice.replicas, not choice.replicas, choice.replicas)
        return _conclude(choice, wish, spec, workload, state, _LIMITS_UNKNOWN), state
    case = _look_ahead(now, spec, workload, observation, replicas, state)
    choice, wish = _amend(case, observation, _choose(case))
    state = case.state
    if choice.replicas < replicas.desired:
        state = state._replace(ahead_at=None)
    stake = None
    if observation.ceiling is not None:
        stake, asks = _at_stake(case, observation)
        wish = wish._replace(asks=asks)
    limits = within_limits(case, stake)
    return _conclude(choice, wish, spec, workload, state, limits, case.trouble, stake), state


def _look_ahead(
    now: float,
    spec: PoolSpec,
    workload: Workload,
    observation: Observation,
    replicas: Replicas,
    state: PoolState,
) -> Case:
    """What to expect: how long to stay idle, which load, how many starts, and what becomes of those that
    run."""
    if state.idle_before is not None:
        state = seen_idle.resume(now, spec, workload, state)
    if replicas.desired:
        state = outlook.weigh_idling(now, spec, state)
        state = outlook.weigh_load(now, spec, workload, state)
    else:
        state = outlook.expect_arrival(now, spec, state)
    failing = failing_starts(now, replicas, state.starts) if replicas.starting else ()
    found = trouble(now, replicas, failing, state) if replicas.starting else None
    state = settle(now, replicas, failing, state)
    limits = bounds.limits(now, spec, observation, state)
    counted = without(replicas, failing) if failing else replicas
    plan = plan_starts(now, spec, workload, counted, limits.ceiling, state)
    if plan.more and plan.start_at > now and spec.may_delay:
        plan, state = shorten_delay(now, spec, workload, counted, plan, state)
    coming = counted.starting
    start_seconds = 0.0 if workload.is_empty else expected_start(now, coming, state.starts)
    return Case(now, spec, workload, state, replicas, limits, plan, failing, coming, found, start_seconds)


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


def _amend(case: Case, observation: Observation, choice: Choice) -> tuple[Choice, Wish]:
    """What remains of a choice where something stands against it, and what users should know beside it; and
    what the pool wants by itself."""
    replicas, held, partners = case.replicas, observation.held, observation.partners
    is_own = choice.replicas > 0
    if partners:
        choice = come_up(case, choice, partners)
    if replicas.starting or case.state.attempts.failed:
        choice = restrain(case, choice)
    wants = choice.replicas if is_own else 0
    if case.workload.waiting:
        choice = explain_wait(case, choice)
    if not choice.replicas and replicas.desired:
        choice = hand_over(case, choice, observation.stop)
    may_stop = not choice.replicas and (held is None or held.until <= case.now or not replicas.desired)
    if partners:
        choice = naming(choice, partners) if wants else stop_together(case, choice, partners)
    if held is not None and choice.replicas != replicas.desired:
        choice = hold_back(case, choice, held)
    if replicas.unready_working:
        hint = say.working_unready(replicas.unready_working)
        choice = choice._replace(message=f"{choice.message}; {hint}")
    return choice, Wish(wants, may_stop, wants)


def _conclude(
    choice: Choice,
    wish: Wish,
    spec: PoolSpec,
    workload: Workload,
    state: PoolState,
    within_limits: Verdict,
    found: Trouble | None = None,
    stake: Stake | None = None,
) -> Decision:
    if within_limits.holds and not workload.is_known:
        within_limits = _NEED_UNKNOWN
    due_at = choice.due_at if choice.due_at < state.excess.believed_at else state.excess.believed_at
    review_at = min(due_at, workload.fresh_until)
    # In the order of the fields: keywords take longer, and this is done at every poll of every pool.
    return Decision(
        choice.replicas,
        choice.reason,
        choice.message,
        None if math.isinf(review_at) else review_at,
        workload.verdict,
        budget_attainable(spec, state),
        within_limits,
        None if math.isinf(due_at) else due_at,
        found,
        state.excess.beside(workload.orphaned),
        choice.explain_at,
        stake,
        wish.wants,
        wish.may_stop,
        wish.asks,
    )


def _at_stake(case: Case, observation: Observation) -> tuple[Stake, int]:
    """What the pool would lose to others that share a quota with it, and what it would have without one; and
    what it would want then by itself."""
    now, spec, workload, state = case.now, case.spec, case.workload, case.state
    is_limited = case.limits.ceiling_by is not None and not case.limits.is_quota
    limits = (
        case.limits if is_limited else bounds.limits(now, spec, replace(observation, ceiling=None), state)
    )
    counted = without(case.replicas, case.failing) if case.failing else case.replicas
    plan = plan_starts(now, spec, workload, counted, limits.ceiling, state)
    if plan.more and plan.start_at > now and spec.may_delay:
        plan, _ = shorten_delay(now, spec, workload, counted, plan, state)
    unlimited = case._replace(limits=limits, plan=plan)
    own = restrain(unlimited, _choose(unlimited))
    if not observation.partners:
        return at_stake(case, unlimited, own), own.replicas
    partners = asking(observation.partners)
    wanted = own if own.replicas else restrain(unlimited, come_up(unlimited, own, partners))
    return at_stake(case, unlimited, wanted, is_shared=any(each.wants for each in partners)), own.replicas


def _keep_in_bounds(case: Case) -> Choice | None:
    """Declared bounds come first. Replicas above the ceiling stop as soon as that can't hit work."""
    desired, limits = case.replicas.desired, case.limits
    if desired < limits.floor:
        return Choice(limits.floor, limits.floor_reason, limits.floor_message)
    if desired <= limits.ceiling:
        return None
    lowered = lowest_safe(case, limits.ceiling)
    allowed_by = limits.ceiling_by.words if limits.ceiling_by else ""
    if lowered < desired:
        message = say.above_ceiling(desired, limits.ceiling, lowered, allowed_by)
        return Choice(lowered, Reason.OUT_OF_BOUNDS, message)
    message = say.above_ceiling_but_busy(desired, limits.ceiling, allowed_by)
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
