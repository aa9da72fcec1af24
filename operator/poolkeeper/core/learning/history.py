"""What has moved since the last look: requests taken, in time or not, work done, idleness, readiness."""

from typing import NamedTuple

from poolkeeper.core.learning import gaps, load, objective, service, start_time
from poolkeeper.core.learning.objective import Objective
from poolkeeper.core.learning.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Reading, Replicas
from poolkeeper.core.values.spec import PoolSpec


class Flow(NamedTuple):
    """What moved between two readings of one source; lower bounds, as a source shows only depths."""

    moved_at: float
    arrived: int
    taken: int
    completed: int
    broken: int
    capacity_broken: int


def remember(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas | None, state: PoolState
) -> PoolState:
    """Learn from the new readings and note since when the pool is idle and ready."""
    worked_at, idle_since = state.worked_at, state.idle_since
    service_rate, account, arrivals, carried = state.service, state.objective, state.gaps, state.load
    moved = False
    for reading in workload.readings:
        before = _find(state.readings, reading.source)
        if before is None or reading.observed_at <= before.observed_at:
            continue
        flow = between(before, reading, spec, state.full_since)
        moved = moved or flow.taken > 0 or flow.arrived > 0 or flow.completed > 0
        if flow.arrived:
            arrivals = gaps.arrive(arrivals, flow.moved_at, flow.arrived)
        if flow.taken:
            account = objective.learn(
                account, flow.taken, flow.broken, flow.capacity_broken, spec.allowed_share
            )
        growth, memory_seconds = reading.queued - before.queued, load.smoothing_seconds(spec.budget_seconds)
        quiet_seconds, seconds = flow.moved_at - before.observed_at, reading.observed_at - flow.moved_at
        carried = load.learn(carried, quiet_seconds, before.in_flight or 0, 0, memory_seconds)
        carried = load.learn(carried, seconds, before.in_flight or 0, growth, memory_seconds)
        if replicas is not None:
            busy_seconds = _busy_seconds(before, reading, flow.moved_at, replicas.ready, spec.concurrency)
            service_rate = service.learn(service_rate, flow.completed, busy_seconds)
    if moved or not workload.is_empty or not workload.is_known:
        worked_at = now
    idle_seconds = state.idle_seconds
    if not workload.is_known or not workload.is_empty:
        idle_since = idle_seconds = None
    elif idle_since is None or worked_at == now:
        idle_since, idle_seconds = min(reading.observed_at for reading in workload.readings), None
    starts, account = _note_starts(state, account, replicas)
    return PoolState(
        clock=now,
        starts=starts,
        gaps=arrivals,
        service=service_rate,
        load=carried,
        objective=account,
        readings=_merge(state.readings, workload.readings),
        idle_since=idle_since,
        idle_seconds=idle_seconds,
        worked_at=worked_at,
        ready_since=_since(now, replicas, 1, state.ready_since),
        full_since=_since(now, replicas, spec.max_replicas, state.full_since),
        ahead_at=state.ahead_at if idle_since == state.idle_since else None,
        desired=state.desired if replicas is None else replicas.desired,
    )


def _note_starts(
    state: PoolState, account: Objective, replicas: Replicas | None
) -> tuple[StartTimes, Objective]:
    """Only what the target shows counts: a decision that nobody carries out starts nothing."""
    if replicas is None:
        return state.starts, account
    if state.desired is not None and replicas.desired > state.desired:
        account = objective.start_begins(account)
    return start_time.keep_running(state.starts, len(replicas.starting)), account


def between(before: Reading, after: Reading, spec: PoolSpec, full_since: float | None) -> Flow:
    """What moved from one reading of a source to the next; the oldest requests are taken first.

    Readings that show nothing new may have been left out in between, so that whatever moved did so in the
    last poll interval. Arrivals are dated to its beginning and so is their leaving: the errors cancel. A
    request that found all replicas ready that the pool may have could only have been served in time by more.
    """
    poll_seconds = _poll_seconds(spec, before.source)
    moved_at = max(before.observed_at, after.observed_at - poll_seconds)
    arrived = max(0, after.arrived - before.arrived)
    taken = max(0, arrived + before.queued - after.queued)
    if after.emptied_at is not None and after.emptied_at != before.emptied_at:
        taken = 0
    completed = max(0, after.completed - before.completed)
    broken = capacity_broken = 0
    left = taken
    for arrived_at, requests in before.waiting:
        if left <= 0 or moved_at - arrived_at <= spec.budget_seconds:
            break
        if full_since is not None and arrived_at >= full_since:
            capacity_broken += min(left, requests)
        else:
            broken += min(left, requests)
        left -= requests
    return Flow(moved_at, arrived, taken, completed, broken, capacity_broken)


def _busy_seconds(before: Reading, after: Reading, moved_at: float, ready: int, concurrency: int) -> float:
    """Replica-seconds of work between two readings: from in-flight requests, or while some had to wait.

    Nothing changed until `moved_at`, however long ago the reading before was.
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
    """Since when at least so many replicas have been ready without a break."""
    if replicas is None:
        return since
    if replicas.ready < ready:
        return None
    return now if since is None else since


def _find(readings: tuple[Reading, ...], source: str) -> Reading | None:
    for reading in readings:
        if reading.source == source:
            return reading
    return None


def _merge(known: tuple[Reading, ...], new: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The latest believed reading of every source."""
    if len(new) >= len(known):
        return new
    names = {reading.source for reading in new}
    return (*new, *(reading for reading in known if reading.source not in names))
