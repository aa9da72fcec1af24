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
    in_flight_ends: tuple[str, ...] = ()
    """The first and last of the oldest requests in flight: one stays the same while those that hang are not
    touched."""
    last_taken: str = ""
    """The last request that was taken, such as a stream's last delivered id: it changes also where the
    request is done before the next poll. Empty where the source can't tell."""


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
    in_flight_since: float = 0.0
    """When the set of requests in flight last changed."""
    orphaned: int = 0
    orphans_between: tuple[str, ...] = ()
    """The ends of that set when some were found to be orphaned."""
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
        return _restart_empty(ledger, sample)
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


def _restart_empty(ledger: Ledger, sample: Sample) -> Ledger:
    """What waited was lost with the server or will return: neither taken nor completed."""
    return replace(
        ledger,
        demand=_reading(ledger.source, sample, 0, (), ledger.arrived, ledger.completed, sample.observed_at),
        last=sample,
        waiting=(),
        orphaned=0,
        orphans_between=(),
        in_flight_since=sample.observed_at,
        emptied_at=sample.observed_at,
    )


def _record_sample(ledger: Ledger, sample: Sample, spec: SourceSpec) -> Ledger:
    arrived, taken, completed = _flows(ledger.last, sample)
    since = ledger.last.observed_at if ledger.last else sample.observed_at - spec.poll_seconds
    waiting = _date(ledger.waiting, arrived, taken, since, sample)
    changed_at = _in_flight_since(ledger, sample)
    orphaned, between = _orphans(ledger, sample, changed_at, spec)
    is_empty = sample.queued == 0 and not sample.in_flight
    arrived, completed = ledger.arrived + arrived, ledger.completed + completed
    emptied_at = ledger.emptied_at if is_empty else None
    return Ledger(
        source=ledger.source,
        demand=_reading(ledger.source, sample, orphaned, waiting, arrived, completed, emptied_at),
        last=sample,
        waiting=waiting,
        arrived=arrived,
        completed=completed,
        in_flight_since=changed_at,
        orphaned=orphaned,
        orphans_between=between,
        emptied_at=emptied_at,
    )


def _reading(
    source: str,
    sample: Sample,
    orphaned: int,
    waiting: tuple[ArrivalBucket, ...],
    arrived: int,
    completed: int,
    emptied_at: float | None,
) -> Reading:
    return Reading(
        source=source,
        observed_at=sample.observed_at,
        queued=sample.queued,
        in_flight=None if sample.in_flight is None else sample.in_flight - orphaned,
        orphaned=orphaned,
        waiting=waiting,
        arrived=arrived,
        completed=completed,
        emptied_at=emptied_at,
        trail=f"{sample.server_id} {sample.last_taken}",
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
    if sample.last_taken != last.last_taken:
        taken = max(taken, 1)
    return taken - fewer_queued, taken, taken - more_in_flight


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


def _in_flight_since(ledger: Ledger, sample: Sample) -> float:
    last = ledger.last
    if last is None or (last.in_flight, last.in_flight_marker) != (sample.in_flight, sample.in_flight_marker):
        return sample.observed_at
    return ledger.in_flight_since


def _orphans(
    ledger: Ledger, sample: Sample, changed_at: float, spec: SourceSpec
) -> tuple[int, tuple[str, ...]]:
    """In-flight requests whose worker is gone: unchanged for longer than any request may take.

    Once found they stay orphans while others come and go beside them. Where there are fewer, or neither end
    is what it was, a worker has taken them up again, and the requests in flight may be worked on.
    """
    if not sample.in_flight:
        return 0, ()
    if spec.max_service_seconds is not None and sample.observed_at - changed_at > spec.max_service_seconds:
        return sample.in_flight, sample.in_flight_ends
    ends = zip(ledger.orphans_between, sample.in_flight_ends, strict=False)
    is_touched = bool(ledger.orphans_between) and not any(before == now for before, now in ends)
    if is_touched or sample.in_flight < ledger.orphaned:
        return 0, ()
    return ledger.orphaned, ledger.orphans_between
