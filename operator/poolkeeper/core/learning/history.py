"""What has moved since the last look at a pool: requests taken in time or late, work done, idleness,
readiness.

Sources show depths (how many requests wait, how many are in flight), not events. The flow between two
readings is therefore worked out from their difference, and everything that a pool learns is learned from
flows. Example: 5 requests waited, 3 wait now and none has arrived, so 2 were taken.
"""

from typing import NamedTuple

from poolkeeper.core.learning import gaps, load, objective, service, start_time
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.load import Load
from poolkeeper.core.learning.objective import Objective
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Reading, Replicas, of_source
from poolkeeper.core.values.spec import PoolSpec


class Flow(NamedTuple):
    """What moved between two readings of one source. The counts are lower bounds, as a source shows only
    depths."""

    moved_at: float
    """Unix seconds from which on something may have moved; nothing did before."""
    arrived: int
    taken: int
    completed: int
    late: int
    """Taken requests that had waited longer than the budget, and that more replicas would have served in
    time."""
    capacity_late: int
    """Late requests that arrived while all replicas that the pool may have were ready."""


class _Estimates(NamedTuple):
    """The estimates that readings change."""

    gaps: Gaps
    service: ServiceRate
    load: Load
    objective: Objective


def remember(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas | None, state: PoolState
) -> PoolState:
    """Learn from the new readings, and note since when the pool is idle and ready."""
    # The state holds the same four estimates: a decision that sees no new reading makes no copy of them.
    known: _Estimates | PoolState = state
    has_moved = False
    for reading in workload.readings:
        before = of_source(state.readings, reading.source)
        if before is None or reading.observed_at <= before.observed_at:
            continue
        flow = between(before, reading, spec, state.full_since)
        has_moved = has_moved or flow.taken > 0 or flow.arrived > 0 or flow.completed > 0
        known = _learn(known, before, reading, flow, spec=spec, replicas=replicas)
    works = has_moved or not workload.is_empty or not workload.is_known
    idle_since, idle_seconds = state.idle_since, state.idle_seconds
    if not workload.is_known or not workload.is_empty:
        idle_since = idle_seconds = None
    elif idle_since is None or works:
        idle_since, idle_seconds = min(reading.observed_at for reading in workload.readings), None
    starts, promise = state.starts, known.objective
    if replicas is not None:
        starts = start_time.keep_running(starts, len(replicas.starting))
        # Only what the target shows counts: a decision that is not carried out starts nothing.
        if state.desired is not None and replicas.desired > state.desired:
            promise = objective.start_begins(promise)
    return PoolState(
        clock=now,
        starts=starts,
        gaps=known.gaps,
        service=known.service,
        load=known.load,
        objective=promise,
        readings=_merge(state.readings, workload.readings),
        idle_since=idle_since,
        idle_seconds=idle_seconds,
        worked_at=now if works else state.worked_at,
        ready_since=_since(now, replicas, 1, state.ready_since),
        full_since=_since(now, replicas, spec.max_replicas, state.full_since),
        ahead_at=state.ahead_at if idle_since == state.idle_since else None,
        desired=state.desired if replicas is None else replicas.desired,
    )


def _learn(
    known: _Estimates | PoolState,
    before: Reading,
    after: Reading,
    flow: Flow,
    *,
    spec: PoolSpec,
    replicas: Replicas | None,
) -> _Estimates:
    """Enter what moved from one reading of a source to the next."""
    arrivals, service_rate, offered, promise = known.gaps, known.service, known.load, known.objective
    if flow.arrived:
        arrivals = gaps.arrive(arrivals, flow.moved_at, flow.arrived)
    if flow.taken:
        promise = objective.learn(
            promise,
            taken=flow.taken,
            late=flow.late,
            capacity_late=flow.capacity_late,
            allowed_share=spec.allowed_share,
        )
    memory_seconds = load.smoothing_seconds(spec.budget_seconds)
    in_flight = before.in_flight or 0
    quiet_seconds, moving_seconds = flow.moved_at - before.observed_at, after.observed_at - flow.moved_at
    offered = load.learn(
        offered, seconds=quiet_seconds, in_flight=in_flight, growth=0, memory_seconds=memory_seconds
    )
    offered = load.learn(
        offered,
        seconds=moving_seconds,
        in_flight=in_flight,
        growth=after.queued - before.queued,
        memory_seconds=memory_seconds,
    )
    if replicas is not None:
        busy_seconds = _busy_seconds(before, after, flow.moved_at, replicas.ready, spec.concurrency)
        service_rate = service.learn(service_rate, flow.completed, busy_seconds)
    return _Estimates(arrivals, service_rate, offered, promise)


def between(before: Reading, after: Reading, spec: PoolSpec, full_since: float | None) -> Flow:
    """What moved from one reading of a source to the next; the oldest requests are taken first.

    Readings that show nothing new may have been left out in between, so everything moved within the last poll
    interval. Arrivals are dated to the beginning of that interval, and so are the requests that were taken:
    the two errors cancel out. A request that arrived while all replicas that the pool may have were ready
    (`full_since`) could have been served in time only by a higher maximum.
    """
    poll_seconds = _poll_seconds(spec, before.source)
    moved_at = max(before.observed_at, after.observed_at - poll_seconds)
    arrived = max(0, after.arrived - before.arrived)
    taken = max(0, arrived + before.queued - after.queued)
    if after.emptied_at is not None and after.emptied_at != before.emptied_at:
        taken = 0
    completed = max(0, after.completed - before.completed)
    late = capacity_late = 0
    left = taken
    for arrived_at, requests in before.waiting:
        if left <= 0 or moved_at - arrived_at <= spec.budget_seconds:
            break
        if full_since is not None and arrived_at >= full_since:
            capacity_late += min(left, requests)
        else:
            late += min(left, requests)
        left -= requests
    return Flow(
        moved_at=moved_at,
        arrived=arrived,
        taken=taken,
        completed=completed,
        late=late,
        capacity_late=capacity_late,
    )


def _busy_seconds(before: Reading, after: Reading, moved_at: float, ready: int, concurrency: int) -> float:
    """Replica-seconds of work between two readings.

    Where requests in flight are seen, these say how many replicas worked; else all ready replicas worked
    while requests waited. Nothing changed until `moved_at`. Example: 3 ready replicas of concurrency 2, 4
    requests in flight before and after, 10 s apart: 2 replicas × 10 s = 20 replica-seconds.
    """
    quiet_seconds, seconds = moved_at - before.observed_at, after.observed_at - moved_at
    if before.in_flight is not None and after.in_flight is not None:
        quiet = min(before.in_flight / concurrency, float(ready))
        mean = min((before.in_flight + after.in_flight) / (2.0 * concurrency), float(ready))
        return quiet * quiet_seconds + mean * seconds
    return ready * (quiet_seconds + seconds) if before.queued and after.queued else 0.0


def _poll_seconds(spec: PoolSpec, name: str) -> float:
    return next((source.poll_seconds for source in spec.sources if source.name == name), 0.0)


def _since(now: float, replicas: Replicas | None, ready: int, since: float | None) -> float | None:
    """Since when at least `ready` replicas have been ready without interruption, or None."""
    if replicas is None:
        return since
    if replicas.ready < ready:
        return None
    return now if since is None else since


def _merge(known: tuple[Reading, ...], new: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The latest believed reading of every source."""
    if len(new) >= len(known):
        return new
    names = {reading.source for reading in new}
    return (*new, *(reading for reading in known if reading.source not in names))
