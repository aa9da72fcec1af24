"""What to expect next: what idling, the next start and the present load mean for this pool."""

import math
from typing import NamedTuple

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning import idle, load
from poolkeeper.core.learning.delay import Line
from poolkeeper.core.learning.idle import Terms
from poolkeeper.core.learning.load import ROUNDING
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.tuning import (
    LATE_FOLLOWERS,
    LEAD_TAIL,
    LONGEST_SMOOTHING_SECONDS,
    MOST_RISK,
    PEAK_START_SHARE,
    PROVEN_SAMPLES,
    QUEUE_FILL_LIMIT,
    RESTARTS_PER_START,
    SERVICE_RATE_MARGIN,
    SHORTEST_SMOOTHING_SECONDS,
)
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.spec import PoolSpec


class Offered(NamedTuple):
    """The load of a pool."""

    replicas: float
    """In fully busy replicas."""
    rate: float
    """Requests per second of one of these."""


def terms(spec: PoolSpec, state: PoolState) -> Terms:
    """What the next start costs at present, and how long it takes from the first request on."""
    start = state.starts.p50_seconds
    restart = start + spec.node_tail_seconds
    worth = state.objective.restart_worth(state.starts.chance_beyond(spec.budget_seconds))
    if start <= spec.budget_seconds:
        worth = min(worth, state.objective.restarts / RESTARTS_PER_START)
    late_cost_seconds = worth * restart * _share_saved(spec, state)
    return Terms(restart, start + _delay_seconds(spec, state), late_cost_seconds)


def _share_saved(spec: PoolSpec, state: PoolState) -> float:
    """The share of late requests that one replica saves by staying up: of a load of six it takes a sixth."""
    return 1.0 / max(state.load.steady.in_flight / spec.concurrency, 1.0)


def _delay_seconds(spec: PoolSpec, state: PoolState) -> float:
    """How many seconds a start usually waits for more requests; for those who come meanwhile, no longer than
    the last one did."""
    if not spec.may_delay:
        return 0.0
    account, patience = state.objective, spec.budget_seconds - spec.margin_seconds
    allowance = account.allowance(spec.allowed_share)
    start_seconds = state.starts.quantile(min(allowance / (LATE_FOLLOWERS * account.per_start), MOST_RISK))
    longest = patience - start_seconds
    if longest <= 0.0:
        return 0.0
    longest = longest if state.delay is None else min(longest, state.delay.seconds)
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


def offered_load(spec: PoolSpec, workload: Workload, state: PoolState) -> Offered:
    """The present load, at the learned rate of a replica."""
    rate = state.service.per_replica(spec, workload.worked)
    return Offered(state.load.replicas(spec.concurrency, rate), rate)


def needed_ahead(
    spec: PoolSpec, workload: Workload, state: PoolState, offered: Offered, loading_seconds: float
) -> float:
    """Replicas with which the queue is short enough when a start that is made now is ready; 0 if a start fits
    the budget, since the waiting requests then say when one is needed.

    With k replicas the queue is then worth (queued / rate + risen load × start - k × start) / k seconds, and
    it may be worth QUEUE_FILL_LIMIT of what a request may wait. The load may rise meanwhile: the reserve is
    there for it. Replicas that are still loading miss `loading_seconds`, all together. Example: load 6 and a
    reserve of 2, starts of 30 s, a patience of 20 s, no queue: 8 × 30 / (30 + 0.7 × 20) = 5.5 replicas, so
    that 6 can wait and see.
    """
    start_seconds = state.starts.p50_seconds
    if start_seconds <= spec.budget_seconds or not offered.replicas:
        return 0.0
    replicas = offered.replicas + _reserve(spec, state, offered)
    work = workload.queued / offered.rate + replicas * start_seconds + loading_seconds
    return work / (start_seconds + QUEUE_FILL_LIMIT * (spec.budget_seconds - spec.margin_seconds))


def _reserve(spec: PoolSpec, state: PoolState, offered: Offered) -> float:
    """Replicas that are kept for a rise of the load within a start.

    The account of late requests says for how many standard deviations of it, up to what they are worth: if
    the load rises further, half of the requests of a start are late, which is worth less than one more
    replica once exp(-deviations² / 2), a bound of its probability, is small enough. Example: 5 requests/s,
    a price of 10 starts and a restart of 35 s: 0.5 × 5 × 10 × 35 = 875, and √(2 ln 875) = 3.7.
    """
    if not state.load.reserve:
        return 0.0
    by_chance = 2.0 * offered.replicas / (offered.rate * state.starts.p50_seconds)
    rise = math.sqrt(max(state.load.rise, by_chance))
    per_second = (offered.replicas + rise) * offered.rate
    worth = 0.5 * per_second * state.objective.price * (state.starts.p50_seconds + spec.node_tail_seconds)
    return rise * min(state.load.reserve, math.sqrt(2.0 * math.log(worth))) if worth > 1.0 else 0.0


def weigh_load(now: float, spec: PoolSpec, workload: Workload, state: PoolState) -> PoolState:
    """Remember the most replicas that were needed within the last half to whole time of a start, until the
    load has gone.

    A pool of at most one replica has no surplus, so nothing is remembered. A learned rate may be wrong, so
    that a replica is needed where it would be at SERVICE_RATE_MARGIN of that rate.
    """
    if spec.max_replicas == 1:
        return state
    offered = offered_load(spec, workload, state)
    needed = max(offered.replicas / SERVICE_RATE_MARGIN, needed_ahead(spec, workload, state, offered, 0.0))
    window_seconds = _window_seconds(spec, state)
    peak = load.note_peak(state.load, now, math.ceil(needed - ROUNDING), window_seconds, offered.replicas)
    if peak.recent_peak and _gone_at(state) <= now:
        peak = peak._replace(peak=0, peak_before=0)
    return state if peak is state.load else state._replace(load=peak)


def peak_fades_at(spec: PoolSpec, state: PoolState) -> float:
    """The earliest instant at which the remembered peak of the load may fall."""
    gone_at, window_ends_at = _gone_at(state), state.load.window_began_at + _window_seconds(spec, state)
    return gone_at if state.clock < gone_at < window_ends_at else window_ends_at


def _gone_at(state: PoolState) -> float:
    """When the load has gone, if no work comes: after a minute of silence, and after as many more as the
    reserve has deviations, because requests were late when the load came back. Example: 60 to 300 s."""
    if state.idle_since is None:
        return math.inf
    return state.idle_since + LONGEST_SMOOTHING_SECONDS * (1.0 + state.load.reserve)


def _window_seconds(spec: PoolSpec, state: PoolState) -> float:
    return max(
        PEAK_START_SHARE * (state.starts.p50_seconds + spec.node_tail_seconds), SHORTEST_SMOOTHING_SECONDS
    )
