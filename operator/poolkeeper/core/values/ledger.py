"""Turns the raw depths that a source reports into dated demand: which requests wait since when, which are
orphaned.

Example: depths 0 at 10.0 s and 2 at 10.5 s mean that 2 requests arrived between the two polls. They are dated
to 10.0 s, so that none is thought to be younger than it is.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from poolkeeper.core.tuning import (
    ARRIVAL_BUCKETS,
)
from poolkeeper.core.values.observation import ArrivalBucket, Demand, Reading, Unavailable
from poolkeeper.core.values.spec import SourceSpec
from poolkeeper.core.values.unmoved import NOTHING_SEEN, Look, Movement, follow


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll of a source returned."""

    source: str
    observed_at: float
    queued: int
    """Requests that wait."""
    in_flight: int | None = None
    """Requests that replicas work on; None if the source can't see them."""
    in_flight_marker: str = ""
    """Changes whenever the set of requests in flight does, for example a digest of its oldest and newest
    entry."""
    oldest_arrived_at: float | None = None
    """Arrival of the request that has waited longest, if the queue knows it."""
    server_id: str = ""
    """Changes when the server restarts, for example Redis' run id."""
    last_taken: str = ""
    """The last request that was taken, such as a stream's last delivered id: a text that sorts after the one
    before also where the request is done before the next poll. One that sorts before it was set by hand, or
    belongs to another server. Empty where the source can't tell."""
    taken: int | None = None
    """How many requests were taken so far, where the source counts them."""
    in_flight_look: Look | None = None
    """What a look at each request in flight showed; None where none was due, or the source can't look."""
    quiet_seconds: float | None = None
    """For how long at least no worker has taken a request, as the server shows it lately; None where it does
    not. A change of this alone is no news."""
    untouched_seconds: float | None = None
    """For how long at least nobody has touched the requests in flight, be it to put one back; None where the
    server does not say."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """One source's history, as far as it matters for dating its demand."""

    source: str
    demand: Demand
    """What `decide` gets."""
    last: Sample | None = None
    """The last good sample."""
    waiting: tuple[ArrivalBucket, ...] = ()
    """The queued requests by arrival, oldest first."""
    arrived: int = 0
    completed: int = 0
    movement: Movement = NOTHING_SEEN
    """Which requests in flight move."""
    emptied_at: float | None = None
    """When the server came back empty."""

    @classmethod
    def empty(cls, source: str) -> "Ledger":
        """The ledger of a source that has not been read yet: its demand is unknown."""
        return cls(source, Unavailable(source, "NotReadYet", f"source {source} has not been read yet", 0.0))


def record(ledger: Ledger, sample: Sample | Unavailable, spec: SourceSpec) -> Ledger:
    """Enter one poll's outcome. A sample that is older than the last one, delivered late, changes nothing."""
    if isinstance(sample, Unavailable):
        return _record_outage(ledger, sample)
    if not _is_sane(sample):
        message = f"source {ledger.source} reported impossible numbers: {sample.queued} queued, " + (
            f"{sample.in_flight} in flight"
        )
        return _record_outage(
            ledger, Unavailable(ledger.source, "ImpossibleReading", message, sample.observed_at)
        )
    if ledger.last is not None and sample.observed_at < ledger.last.observed_at:
        return ledger
    if _came_back_empty(ledger.last, sample):
        return _restart_empty(ledger, sample, spec)
    return _record_sample(ledger, sample, spec)


def _record_outage(ledger: Ledger, outage: Unavailable) -> Ledger:
    before = ledger.demand
    if isinstance(before, Unavailable) and before.since > 0.0:
        outage = replace(outage, since=min(before.since, outage.since))
    return replace(ledger, demand=outage)


def _is_sane(sample: Sample) -> bool:
    return sample.queued >= 0 and (sample.in_flight or 0) >= 0 and math.isfinite(sample.observed_at)


def _came_back_empty(last: Sample | None, sample: Sample) -> bool:
    restarted = last is not None and last.server_id != "" and sample.server_id != last.server_id
    return restarted and sample.queued == 0 and not sample.in_flight


def _restart_empty(ledger: Ledger, sample: Sample, spec: SourceSpec) -> Ledger:
    """What waited was lost with the server or will return: neither taken nor completed."""
    return replace(
        ledger,
        demand=_reading(sample, spec, NOTHING_SEEN, (), ledger.arrived, ledger.completed, sample.observed_at),
        last=sample,
        waiting=(),
        movement=Movement(since=sample.observed_at),
        emptied_at=sample.observed_at,
    )


def _record_sample(ledger: Ledger, sample: Sample, spec: SourceSpec) -> Ledger:
    arrived, taken, completed = _flows(ledger.last, sample)
    since = ledger.last.observed_at if ledger.last else sample.observed_at - spec.poll_seconds
    waiting = _date(ledger.waiting, arrived, taken, since, sample)
    movement = _follow(ledger, sample, taken, spec)
    is_empty = sample.queued == 0 and not sample.in_flight
    arrived, completed = ledger.arrived + arrived, ledger.completed + completed
    emptied_at = ledger.emptied_at if is_empty else None
    return Ledger(
        source=ledger.source,
        demand=_reading(sample, spec, movement, waiting, arrived, completed, emptied_at),
        last=sample,
        waiting=waiting,
        arrived=arrived,
        completed=completed,
        movement=movement,
        emptied_at=emptied_at,
    )


def _reading(
    sample: Sample,
    spec: SourceSpec,
    movement: Movement,
    waiting: tuple[ArrivalBucket, ...],
    arrived: int,
    completed: int,
    emptied_at: float | None,
) -> Reading:
    orphaned = movement.unmoved.requests if spec.max_service_seconds is not None else 0
    touched_at = movement.touched_at if orphaned else -math.inf
    return Reading(
        source=sample.source,
        observed_at=sample.observed_at,
        queued=sample.queued,
        in_flight=None if sample.in_flight is None else sample.in_flight - orphaned,
        orphaned=orphaned,
        unmoved=movement.unmoved,
        found_at=movement.found_at,
        touched_at=touched_at,
        waiting=waiting,
        arrived=arrived,
        completed=completed,
        emptied_at=emptied_at,
        quiet_seconds=sample.quiet_seconds,
        trail=f"{sample.server_id} {sample.last_taken}",
    )


def _follow(ledger: Ledger, sample: Sample, taken: int, spec: SourceSpec) -> Movement:
    last, untouched_seconds = ledger.last, sample.untouched_seconds
    return follow(
        ledger.movement,
        sample.observed_at,
        sample.in_flight,
        sample.in_flight_look,
        is_same=last is not None
        and (last.in_flight, last.in_flight_marker) == (sample.in_flight, sample.in_flight_marker),
        taken=taken,
        limit_seconds=spec.unmoved_seconds,
        touched_at=None if untouched_seconds is None else sample.observed_at - untouched_seconds,
    )


def _flows(last: Sample | None, sample: Sample) -> tuple[int, int, int]:
    """The fewest requests that must have arrived, been taken and been completed between two samples.

    Depths show only net changes, so a request that came and went between two polls stays unseen, unless the
    marker of the in-flight set or the last taken request gives it away.
    """
    if last is None:
        return sample.queued + (sample.in_flight or 0), 0, 0
    fewer_queued = last.queued - sample.queued
    if sample.in_flight is None or last.in_flight is None:
        taken = max(0, fewer_queued)
        return taken - fewer_queued, taken, taken
    more_in_flight = sample.in_flight - last.in_flight
    taken = max(0, fewer_queued, more_in_flight)
    was_replaced = taken == 0 and more_in_flight == 0 and sample.in_flight > 0
    if was_replaced and sample.in_flight_marker != last.in_flight_marker:
        taken = 1
    if sample.last_taken > last.last_taken:
        taken = max(taken, _counted(last, sample))
    return taken - fewer_queued, taken, taken - more_in_flight


def _counted(last: Sample, sample: Sample) -> int:
    """How many requests were taken by the source's own count, where another one is the last now: at least
    that one."""
    if sample.taken is None or last.taken is None or sample.server_id != last.server_id:
        return 1
    return max(1, sample.taken - last.taken)


def _date(
    waiting: tuple[ArrivalBucket, ...], arrived: int, taken: int, since: float, sample: Sample
) -> tuple[ArrivalBucket, ...]:
    """Take the oldest, add the new ones at the earlier of the two polls, oldest first."""
    if not arrived and not taken and sample.oldest_arrived_at is None:
        return waiting
    buckets = [*waiting, ArrivalBucket(since, arrived)] if arrived else list(waiting)
    surplus = sum([bucket.requests for bucket in buckets]) - sample.queued
    first = 0
    while surplus > 0:
        bucket = buckets[first]
        if bucket.requests > surplus:
            buckets[first] = ArrivalBucket(bucket.arrived_at, bucket.requests - surplus)
            break
        surplus -= bucket.requests
        first += 1
    buckets = buckets[first:]
    if sample.oldest_arrived_at is not None:
        buckets = _not_before(buckets, min(sample.oldest_arrived_at, sample.observed_at))
    if len(buckets) > ARRIVAL_BUCKETS:
        _merge_closest(buckets)
    return tuple(buckets)


def _not_before(buckets: list[ArrivalBucket], oldest: float) -> list[ArrivalBucket]:
    """Correct the dates with the one arrival that the queue knows: nothing that waits is older."""
    dated = [ArrivalBucket(max(bucket.arrived_at, oldest), bucket.requests) for bucket in buckets]
    if dated:
        dated[0] = ArrivalBucket(oldest, dated[0].requests)
    return dated


def _merge_closest(buckets: list[ArrivalBucket]) -> None:
    """Join the two neighbours that lie closest together, under the earlier date."""
    gaps = [after.arrived_at - before.arrived_at for before, after in pairwise(buckets)]
    at = gaps.index(min(gaps))
    buckets[at] = ArrivalBucket(buckets[at].arrived_at, buckets[at].requests + buckets[at + 1].requests)
    del buckets[at + 1]
