"""What has moved since the last look at a pool: requests taken in time or late, work done, idleness,
readiness.

Sources show depths (how many requests wait, how many are in flight), not events. The flow between two
readings is therefore worked out from their difference, and everything that a pool learns is learned from
flows. Example: 5 requests waited, 3 wait now and none has arrived, so 2 were taken.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.core.learning import gaps, load, service
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.lateness import always_on, causes, objective
from poolkeeper.core.learning.lateness.always_on import AlwaysOn
from poolkeeper.core.learning.lateness.causes import NO_START, Line, Obstacles
from poolkeeper.core.learning.lateness.objective import Objective
from poolkeeper.core.learning.lateness.promise import NOT_LATE, Late, Promise
from poolkeeper.core.learning.load import Load
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.silence import Silence, see, stopped, watch
from poolkeeper.core.learning.starts import admission, start_time
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import ArrivalBucket, Observation, Reading, Replicas, of_source
from poolkeeper.core.values.spec import PoolSpec


class Flow(NamedTuple):
    """What moved between two readings of one source. The counts are lower bounds, as a source shows only
    depths."""

    moved_at: float
    """Unix seconds from which on something may have moved; nothing did before."""
    arrived: int
    taken: int
    completed: int
    late_by: Late
    """Taken requests that had waited longer than the budget, by what made them late."""
    least_wait: float
    """Seconds that the request of them waited that was taken last; infinity where none was taken."""


class _Estimates(NamedTuple):
    """The estimates that readings change."""

    gaps: Gaps
    service: ServiceRate
    load: Load
    objective: Objective
    promise: Promise
    always_on: AlwaysOn


def remember(
    now: float, spec: PoolSpec, workload: Workload, observation: Observation, state: PoolState
) -> PoolState:
    """Learn from the new readings, and note since when the pool is idle and ready."""
    replicas = observation.replicas
    # The state holds the same six estimates: a decision that sees no new reading makes no copy of them.
    known: _Estimates | PoolState = state
    has_moved, least_wait = False, math.inf
    for reading in workload.readings:
        before = of_source(state.readings, reading.source)
        if before is None or reading.observed_at <= before.observed_at:
            continue
        flow = between(before, reading, spec, state.obstacles)
        has_moved = has_moved or flow.taken > 0 or flow.arrived > 0 or flow.completed > 0
        least_wait = min(least_wait, flow.least_wait)
        known = _learn(
            known, before, reading, flow,
            spec=spec, replicas=replicas, start_seconds=state.starts.p50_seconds,
            was_seen=_was_seen(before.observed_at, flow.moved_at, spec, state.obstacles),
        )  # fmt: skip
    is_silent = workload.is_known and workload.is_empty
    works = has_moved or not is_silent
    idle_since, idle_seconds = state.idle_since, state.idle_seconds
    if not is_silent:
        idle_since = idle_seconds = None
    elif idle_since is None or works:
        idle_since, idle_seconds = _silent_since(workload), None
    line = Line(least_wait, was_ready=bool(state.ready))
    starts, account = state.starts, known.objective
    if replicas is not None:
        if starts.running:
            begun = sum([starting.begun_at is not None for starting in replicas.starting])
            starts = start_time.keep_running(starts, begun)
        # Only what the target shows counts: a decision that is not carried out starts nothing.
        if state.desired is not None and replicas.desired > state.desired:
            account = objective.start_begins(account)
    obstacles = causes.look(now, spec, workload, observation, state.obstacles, line)
    if obstacles.start is NO_START and state.obstacles.start.was_asked:
        account = objective.restart_ended(account)
    # In the order of the fields: with keywords this takes four times as long as all that is computed here.
    return PoolState(
        now,
        starts,
        known.gaps,
        known.service,
        known.load,
        account,
        known.promise,
        merged(state.readings, workload.readings),
        idle_since,
        idle_seconds,
        now if works else _worked_at(now, workload, state),
        _ready_since(now, replicas, state.ready_since),
        obstacles,
        state.ahead_at if idle_since == state.idle_since else None,
        state.desired if replicas is None else replicas.desired,
        state.excess,
        _silence(now, spec, workload, replicas, state),
        state.idle_before,
        state.ready,
        state.attempts,
        known.always_on,
        state.delay,
        _admission(now, replicas, state),
        state.arms,
    )


def _admission(now: float, replicas: Replicas | None, state: PoolState) -> Admission:
    """What replicas that wait to be admitted show; nothing while the target can't be read."""
    if replicas is None or not (replicas.starting or state.admission.waiting):
        return state.admission
    return admission.follow(state.admission, now, replicas, (state.desired, state.ready))


def _silent_since(workload: Workload) -> float:
    """Since when all sources are seen to be silent."""
    if workload.silent_since is not None:
        return workload.silent_since
    return min(reading.observed_at for reading in workload.readings)


def _worked_at(now: float, workload: Workload, state: PoolState) -> float:
    """When work was last seen, or may have been taken unseen."""
    return state.worked_at if workload.silent_since is None else min(workload.silent_since, now)


def _silence(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas | None, state: PoolState
) -> Silence:
    """Every stop of a pool that may miss work is a test of whether the silence before it was true."""
    silence = _follow_uncounted(spec, workload, state) if spec.uncounted else state.silence
    if replicas is None or not (workload.unseen_seconds or spec.uncounted):
        return silence
    if state.desired and not replicas.desired:
        silence = stopped(now, silence, state.idle_since)
    return watch(now, spec, silence, workload, replicas, state.readings)


def _follow_uncounted(spec: PoolSpec, workload: Workload, state: PoolState) -> Silence:
    """Note how long requests last at the sources that miss short ones."""
    silence = state.silence
    for reading in workload.readings:
        before = of_source(state.readings, reading.source)
        if (
            before is None
            or before.observed_at >= reading.observed_at
            or (reading.source not in spec.uncounted)
        ):
            continue
        completed = max(0, reading.completed - before.completed)
        seconds = _in_flight_seconds(before, reading, _poll_seconds(spec, reading.source))
        if completed or seconds:
            silence = see(silence, reading.source, seconds, completed)
    return silence


def _in_flight_seconds(before: Reading, after: Reading, poll_seconds: float) -> float:
    """How long requests were in flight between two readings, all together. Nothing changed until the last
    poll interval, and half of that time the requests in flight were those of the reading before."""
    moving_seconds = min(poll_seconds, after.observed_at - before.observed_at)
    quiet_seconds = after.observed_at - before.observed_at - moving_seconds
    known, now = before.in_flight or 0, after.in_flight or 0
    return known * quiet_seconds + 0.5 * (known + now) * moving_seconds


def _was_seen(begin: float, end: float, spec: PoolSpec, obstacles: Obstacles) -> bool:
    """Whether demand was known between two instants; a poll that fails hides nothing."""
    return obstacles.blind.seconds_within(begin, end) <= spec.poll_seconds


def _learn(
    known: _Estimates | PoolState,
    before: Reading,
    after: Reading,
    flow: Flow,
    *,
    spec: PoolSpec,
    replicas: Replicas | None,
    start_seconds: float,
    was_seen: bool,
) -> _Estimates:
    """Enter what moved from one reading of a source to the next.

    `was_seen`: demand was known in between. Else requests came and were completed at instants that nobody
    knows, so that they say nothing about how many come together, or how fast a replica works.
    """
    arrivals, service_rate, offered = known.gaps, known.service, known.load
    account, kept, unavoidable = known.objective, known.promise, known.always_on
    if flow.arrived:
        arrivals = gaps.arrive(arrivals, flow.moved_at, flow.arrived)
    if flow.arrived and was_seen:
        rate = service_rate.per_replica(spec)
        unavoidable = always_on.arrive(
            unavoidable, spec, flow.moved_at, flow.arrived, rate, service_rate.completions
        )
    if flow.taken:
        account = objective.learn(account, flow.taken, flow.late_by, spec.allowed_share)
        kept = kept.enter(flow.moved_at, flow.taken, flow.late_by)
        in_time = flow.taken if account.balance >= 0.0 else 0
        offered = load.account(offered, in_time, flow.late_by.replicas, spec.allowed_share)
    memory_seconds = load.memories(spec.budget_seconds, start_seconds)
    in_flight = before.in_flight or 0
    quiet_seconds, moving_seconds = flow.moved_at - before.observed_at, after.observed_at - flow.moved_at
    offered = load.learn(offered, quiet_seconds, in_flight, 0, memory_seconds)
    offered = load.learn(offered, moving_seconds, in_flight, after.queued - before.queued, memory_seconds)
    if replicas is not None and was_seen:
        busy_seconds = _busy_seconds(before, after, flow.moved_at, replicas.ready, spec.concurrency)
        service_rate = service.learn(service_rate, flow.completed, busy_seconds)
    return _Estimates(arrivals, service_rate, offered, account, kept, unavoidable)


def between(before: Reading, after: Reading, spec: PoolSpec, obstacles: Obstacles) -> Flow:
    """What moved from one reading of a source to the next; the oldest requests are taken first.

    Readings that show nothing new may have been left out in between, so everything moved within the last poll
    interval. Arrivals are dated to the beginning of that interval, and so are the requests that were taken:
    the two errors cancel out.
    """
    poll_seconds = _poll_seconds(spec, before.source)
    moved_at = max(before.observed_at, after.observed_at - poll_seconds)
    taken = taken_between(before, after)
    return Flow(
        moved_at=moved_at,
        arrived=max(0, after.arrived - before.arrived),
        taken=taken,
        completed=max(0, after.completed - before.completed),
        late_by=causes.late_among(before.waiting, taken, moved_at, spec, obstacles) if taken else NOT_LATE,
        least_wait=_least_wait(before.waiting, taken, moved_at) if taken else math.inf,
    )


def _least_wait(waiting: Sequence[ArrivalBucket], taken: int, moved_at: float) -> float:
    """Seconds that the last of so many requests waited; 0 if it came after the last look."""
    for arrived_at, requests in waiting:
        taken -= requests
        if taken <= 0:
            return max(0.0, moved_at - arrived_at)
    return 0.0


def taken_between(before: Reading, after: Reading) -> int:
    """Requests that replicas took between two readings of a source; none where its server lost them."""
    if after.emptied_at is not None and after.emptied_at != before.emptied_at:
        return 0
    return max(0, after.arrived - before.arrived + before.queued - after.queued)


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


def _ready_since(now: float, replicas: Replicas | None, since: float | None) -> float | None:
    """Since when any replica has been ready without interruption, or None."""
    if replicas is None:
        return since
    if not replicas.ready:
        return None
    return now if since is None else since


def merged(known: tuple[Reading, ...], new: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The latest believed reading of every source."""
    if len(new) >= len(known):
        return new
    names = {reading.source for reading in new}
    return (*new, *(reading for reading in known if reading.source not in names))
