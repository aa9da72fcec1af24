"""The demand of all sources of a pool together, and whether it is known."""

import math
from collections.abc import Mapping
from heapq import merge
from typing import NamedTuple

from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.observation import ArrivalBucket, Demand, Observation, Reading, of_source
from poolkeeper.core.values.spec import PoolSpec, SourceSpec

_NO_SOURCES = Verdict(False, "NoSources", "the pool declares no source of demand")
_FRESH = Verdict(True, "Fresh", "every source has been read in time")


class Touched(NamedTuple):
    """Orphaned requests, one of which may have been put back and taken between two polls, so that each poll
    looked the same."""

    until: float
    """Until when it may be worked on, in Unix seconds: `maxServiceSeconds` after `at`."""
    at: float
    """When the requests in flight were last touched."""
    source: str

    def sentence(self, now: float) -> str:
        """Why replicas without any visible work may be working."""
        return (
            f"the requests in flight of source {self.source} were last touched {now - self.at:.0f} s ago, "
            "and an orphaned one may be worked on again"
        )


class Workload(NamedTuple):
    """The demand of a pool at one instant, its sources added up. Sources that can't be believed are left
    out."""

    queued: int
    """Requests that wait; a lower bound if a source is left out."""
    in_flight: int
    """Requests that replicas work on, as far as sources see them."""
    orphaned: int
    """Requests in flight whose worker is gone."""
    waiting: tuple[ArrivalBucket, ...]
    """The queued requests by arrival, oldest first."""
    readings: tuple[Reading, ...]
    """The readings that are believed."""
    verdict: Verdict
    """Whether demand is known, and why not."""
    fresh_until: float
    """When the first reading becomes too old."""
    unseen_seconds: float
    """How long a request may be in flight without being seen: 0 if every source sees it, infinity if there is
    no limit."""
    unworked: int = 0
    """Of the requests in flight, those that no replica can be working on: more than there are slots. They are
    not in the readings' numbers any more."""
    silent_since: float | None = None
    """Since when no request has come, where the server of a blind source shows that; None elsewhere."""
    believed_at: float = math.inf
    """When the silence of a blind source may be believed."""
    touched: Touched | None = None
    """The source whose orphaned requests may be worked on for longest; None where none may be."""

    @property
    def worked(self) -> int:
        """Requests in flight that replicas may be working on."""
        return self.in_flight - self.unworked

    @property
    def is_known(self) -> bool:
        """Whether every source can be believed."""
        return self.verdict.holds is True

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is seen in flight, as far as is known."""
        return self.queued == 0 and self.in_flight == 0


def survey(now: float, spec: PoolSpec, observation: Observation, empty_hold_seconds: float) -> Workload:
    """Add up the sources that can be believed. One whose server came back empty is not, for
    `empty_hold_seconds`."""
    readings: list[Reading] = []
    problem = None if spec.sources else _NO_SOURCES
    queued = in_flight = orphaned = 0
    fresh_until, unseen_seconds = math.inf, 0.0
    touched: Touched | None = None
    for source in spec.sources:
        demand = of_source(observation.demand, source.name)
        doubt = _doubt(now, source, demand, empty_hold_seconds)
        if doubt is not None or not isinstance(demand, Reading):
            problem = problem or doubt
            continue
        readings.append(demand)
        queued += demand.queued
        orphaned += demand.orphaned
        if demand.orphaned and demand.touched_at > -math.inf:
            touched = _later(touched, demand, source)
        stale_at = demand.observed_at + source.stale_after_seconds
        fresh_until = stale_at if stale_at < fresh_until else fresh_until
        if source.sees_in_flight and demand.in_flight is not None:
            in_flight += demand.in_flight
        else:
            unseen_seconds = max(unseen_seconds, source.max_service_seconds or math.inf)
    waiting, verdict = _by_arrival(readings), problem or _believed(unseen_seconds)
    # In the order of the fields: keywords take longer, and this is done at every decision.
    workload = Workload(
        queued, in_flight, orphaned, waiting, tuple(readings), verdict, fresh_until, unseen_seconds
    )
    return workload if touched is None else workload._replace(touched=touched)


def _later(known: Touched | None, reading: Reading, source: SourceSpec) -> Touched:
    """The one of both sources whose orphaned requests may be worked on for longer."""
    at = reading.touched_at
    new = Touched(at + source.unmoved_seconds, at, source.name)
    return new if known is None or new.until > known.until else known


def distrust(workload: Workload, spec: PoolSpec, blind: Mapping[str, float]) -> Workload:
    """The same demand, where an empty reading of these sources does not mean that there is no work.

    It is believed if the server shows that no worker has taken a request for as long as an idle pool stays up
    and a request may take unseen. `blind`: until when each is blind.
    """
    silent_since, believed_at, verdict = -math.inf, math.inf, workload.verdict
    for reading in workload.readings:
        until = blind.get(reading.source)
        source = next((each for each in spec.sources if each.name == reading.source), None)
        if until is None or source is None or reading.queued:
            silent_since = max(silent_since, reading.observed_at)
            continue
        unseen_seconds = 0.0 if source.sees_in_flight else source.max_service_seconds or math.inf
        needed = max(unseen_seconds, spec.idle_seconds or 0.0)
        quiet = -math.inf if reading.quiet_seconds is None else reading.quiet_seconds
        silent_since = max(silent_since, reading.observed_at - quiet)
        if quiet < needed:
            verdict = _arrivals_unseen(source) if workload.is_known else verdict
            believed_at = min(believed_at, until, reading.observed_at - quiet + needed)
    return workload._replace(verdict=verdict, silent_since=silent_since, believed_at=believed_at)


def _arrivals_unseen(source: SourceSpec) -> Verdict:
    shows = f"source {source.name} shows requests only while no replica runs: "
    if source.sees_in_flight:
        return Verdict(
            False, "ArrivalsUnseen", shows.replace("requests", "most requests") + _too_short(source)
        )
    return Verdict(
        False,
        "ArrivalsUnseen",
        f"{shows}waiting workers take them from Redis before they can be counted (BRPOP), so an empty list "
        "does not mean that there is no work; declare redisList.processingList, with workers that take jobs "
        "with LMOVE or BLMOVE, or use a redisStream",
    )


def _too_short(source: SourceSpec) -> str:
    remedy = "use a redisStream, whose group shows the last entry that it has delivered"
    if not source.outlives_workers:
        remedy = "declare http.metrics.activitySeries, a counter that rises with each request"
    return (
        f"they are done between two polls, which are {source.poll_seconds:g} s apart, so nothing in flight "
        f"does not mean that there is no work; {remedy}, or set a longer scaleToZero.idleSeconds or a "
        "shorter pollMilliseconds"
    )


def _doubt(
    now: float, source: SourceSpec, demand: Demand | None, empty_hold_seconds: float
) -> Verdict | None:
    """Why a source can't be believed now, or None."""
    if demand is None:
        return Verdict(None, "NotReported", f"source {source.name} has not reported yet")
    if not isinstance(demand, Reading):
        return Verdict(None if demand.is_first else False, demand.reason, demand.message)
    age = now - demand.observed_at
    if abs(age) > source.stale_after_seconds:
        limit = source.stale_after_seconds
        since = f"{age:.0f} s ago" if age > 0.0 else f"{-age:.0f} s later than now"
        return Verdict(False, "Stale", f"source {source.name} was last read {since}, more than {limit:.0f} s")
    if demand.emptied_at is not None and now - demand.emptied_at < empty_hold_seconds:
        return Verdict(
            False,
            "CameBackEmpty",
            f"the server of source {source.name} restarted {now - demand.emptied_at:.0f} s ago and is "
            f"empty; it may still be loading its requests, so it is not believed until "
            f"{empty_hold_seconds:.0f} s after the restart",
        )
    return None


def _believed(unseen_seconds: float) -> Verdict:
    if unseen_seconds == 0.0:
        return _FRESH
    limit = "any length of time" if math.isinf(unseen_seconds) else f"up to {unseen_seconds:.0f} s"
    return Verdict(
        True,
        "InFlightUnseen",
        f"every source has been read in time; requests in flight can't be seen and may take {limit}",
    )


def _by_arrival(readings: list[Reading]) -> tuple[ArrivalBucket, ...]:
    if len(readings) == 1:
        return readings[0].waiting
    return tuple(merge(*(reading.waiting for reading in readings)))
