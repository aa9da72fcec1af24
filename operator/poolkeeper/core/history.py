"""What has moved since the last look: requests taken, in time or not, work done, idleness, readiness."""

from typing import NamedTuple

from poolkeeper.core import objective, service
from poolkeeper.core.demand import Workload
from poolkeeper.core.observation import Reading, Replicas
from poolkeeper.core.spec import PoolSpec
from poolkeeper.core.state import PoolState


class Flow(NamedTuple):
    """What moved between two readings of one source; lower bounds, as a source shows only depths."""

    seconds: float
    arrived: int
    taken: int
    completed: int
    broken: int


def remember(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas | None, state: PoolState
) -> PoolState:
    """Learn from the new readings and note since when the pool is idle and ready."""
    worked_at, idle_since = state.worked_at, state.idle_since
    service_rate, account = state.service, state.objective
    moved = False
    for reading in workload.readings:
        before = _find(state.readings, reading.source)
        if before is None or reading.observed_at <= before.observed_at:
            continue
        flow = between(before, reading, spec.budget_seconds)
        moved = moved or flow.taken > 0 or flow.arrived > 0
        if flow.taken:
            account = objective.learn(account, flow.taken, flow.broken, allowed_share(spec))
        if replicas is not None:
            busy_seconds = _busy_seconds(before, reading, replicas.ready, spec.concurrency)
            service_rate = service.learn(service_rate, flow.completed, busy_seconds)
    if moved or not workload.is_empty:
        worked_at = now
    if not workload.is_known or not workload.is_empty:
        idle_since = None
    elif idle_since is None or worked_at == now:
        idle_since = now
    return state._replace(
        clock=now,
        service=service_rate,
        objective=account,
        readings=_merge(state.readings, workload.readings),
        idle_since=idle_since,
        worked_at=worked_at,
        ready_since=_ready_since(now, replicas, state.ready_since),
        desired=state.desired if replicas is None else replicas.desired,
    )


def allowed_share(spec: PoolSpec) -> float:
    """Share of requests that may wait longer than the budget."""
    return max(1.0 - spec.objective_percent / 100.0, 1e-4)


def between(before: Reading, after: Reading, budget_seconds: float) -> Flow:
    """What moved from one reading of a source to the next; the oldest requests are taken first.

    Arrivals are dated to the poll before they were seen and so is their leaving: the errors cancel.
    """
    arrived = max(0, after.arrived - before.arrived)
    taken = max(0, arrived + before.queued - after.queued)
    if after.emptied_at is not None and after.emptied_at != before.emptied_at:
        taken = 0
    completed = max(0, after.completed - before.completed)
    broken, left = 0, taken
    for arrived_at, requests in before.waiting:
        if left <= 0 or before.observed_at - arrived_at <= budget_seconds:
            break
        broken += min(left, requests)
        left -= requests
    return Flow(after.observed_at - before.observed_at, arrived, taken, completed, broken)


def _busy_seconds(before: Reading, after: Reading, ready: int, concurrency: int) -> float:
    """Replica-seconds of work between two readings: from in-flight requests, or while some had to wait."""
    seconds = after.observed_at - before.observed_at
    if before.in_flight is not None and after.in_flight is not None:
        return min((before.in_flight + after.in_flight) / (2.0 * concurrency), float(ready)) * seconds
    return ready * seconds if before.queued and after.queued else 0.0


def _ready_since(now: float, replicas: Replicas | None, ready_since: float | None) -> float | None:
    if replicas is None:
        return ready_since
    if replicas.ready == 0:
        return None
    return now if ready_since is None else ready_since


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
