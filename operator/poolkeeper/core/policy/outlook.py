"""What to expect next: what idling, the next start and the present load mean for this pool."""

import math

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning import delay, idle, load
from poolkeeper.core.learning.delay import Line
from poolkeeper.core.learning.idle import Terms
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.tuning import (
    LATE_FOLLOWERS,
    LEAD_TAIL,
    MOST_RISK,
    PEAK_START_SHARE,
    PROVEN_SAMPLES,
    RESERVE_DEVIATIONS,
    SERVICE_RATE_MARGIN,
    SHORTEST_SMOOTHING_SECONDS,
)
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.spec import PoolSpec


def terms(spec: PoolSpec, state: PoolState) -> Terms:
    """What the next start costs at present, and how long it takes from the first request on."""
    start = state.starts.p50_seconds
    restart = start + spec.node_tail_seconds
    late_cost_seconds = state.objective.price * restart if start > spec.budget_seconds else 0.0
    return Terms(restart, start + _delay_seconds(spec, state), late_cost_seconds)


def _delay_seconds(spec: PoolSpec, state: PoolState) -> float:
    """How many seconds a start usually waits for more requests."""
    if not spec.may_delay:
        return 0.0
    account, patience = state.objective, spec.budget_seconds - spec.margin_seconds
    allowance = account.allowance(spec.allowed_share)
    start_seconds = state.starts.quantile(min(allowance / (LATE_FOLLOWERS * account.per_start), MOST_RISK))
    longest = patience - start_seconds
    if longest <= 0.0:
        return 0.0
    risk = allowance / LATE_FOLLOWERS
    longest = min(longest, delay.longest(state.gaps, state.starts, line(spec, 1, 1, state), risk))
    return account.delay_share * longest


def line(spec: PoolSpec, waiting: int, replicas: int, state: PoolState) -> Line:
    """What comes after so many requests waits in this line, if so many replicas are started for them."""
    slots = spec.concurrency
    service_seconds = slots / (SERVICE_RATE_MARGIN * state.service.per_replica(spec))
    patience = spec.budget_seconds - spec.margin_seconds
    return Line(waiting, replicas * slots, service_seconds, patience)


def weigh_idling(now: float, spec: PoolSpec, state: PoolState) -> PoolState:
    """Compute the keep-warm time, once per idle time."""
    is_newly_ready = state.ready_since == now
    if state.idle_since is None or (state.idle_seconds is not None and not is_newly_ready):
        return state
    if spec.zero_mode is ZeroMode.FIXED and spec.idle_seconds is not None:
        return state._replace(idle_seconds=spec.idle_seconds)
    more_seconds = idle.timeout(state.gaps, now - state.gaps.arrived_at, terms(spec, state))
    return state._replace(idle_seconds=now - state.idle_since + more_seconds)


def expect_arrival(now: float, spec: PoolSpec, state: PoolState) -> PoolState:
    """Compute, once per idle time at zero, when to start for a request that is expected but has not come."""
    if state.idle_since is None or state.ahead_at is not None:
        return state
    starts, arrived_at = state.starts, state.gaps.arrived_at
    if starts.samples < PROVEN_SAMPLES or starts.p50_seconds <= spec.budget_seconds:
        return state
    lead_seconds = starts.quantile(LEAD_TAIL)
    age = idle.start_ahead_age(state.gaps, now - arrived_at, lead_seconds, terms(spec, state))
    # Before the first arrival both are infinite, and their sum would be no number.
    due_at = math.inf if age == math.inf else arrived_at + age
    return state._replace(ahead_at=max(due_at, now + lead_seconds))


def needed_replicas(spec: PoolSpec, workload: Workload, state: PoolState) -> int:
    """Replicas that the present load keeps busy, with a reserve if a start takes longer than the budget."""
    rate = state.service.per_replica(spec, workload.worked)
    spread = RESERVE_DEVIATIONS if state.starts.p50_seconds > spec.budget_seconds else 0.0
    return load.needed_replicas(state.load, spec.concurrency, rate, spread)


def weigh_load(now: float, spec: PoolSpec, workload: Workload, state: PoolState) -> PoolState:
    """Remember the most replicas that were needed within the last half to whole time of a start.

    A pool of at most one replica has no surplus, so nothing is remembered.
    """
    if spec.max_replicas == 1:
        return state
    needed = needed_replicas(spec, workload, state)
    peak = load.note_peak(state.load, now, needed, _window_seconds(spec, state))
    return state if peak is state.load else state._replace(load=peak)


def peak_fades_at(spec: PoolSpec, state: PoolState) -> float:
    """The earliest instant at which the remembered peak of the load may fall."""
    return state.load.window_began_at + _window_seconds(spec, state)


def _window_seconds(spec: PoolSpec, state: PoolState) -> float:
    return max(
        PEAK_START_SHARE * (state.starts.p50_seconds + spec.node_tail_seconds), SHORTEST_SMOOTHING_SECONDS
    )
