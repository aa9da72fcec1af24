"""What one http source shows: requests at the activators and load of the model servers, as one sample."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from poolkeeper.api.activation import PoolReport
from poolkeeper.api.demand import DemandSource, Http
from poolkeeper.core.values.ledger import Sample
from poolkeeper.sources.http.engines import ENGINES, Engine
from poolkeeper.sources.http.metrics_text import Series
from poolkeeper.sources.http.scrape import LoadReader, PoolLoad

IDLE_LOAD = PoolLoad(0, {}, False)


@dataclass(slots=True)
class HttpReading:
    """State of one http source between its readings; only the reader writes it."""

    source: DemandSource
    """The source as declared."""
    servers: LoadReader | None = None
    """The model servers with their counters; None until the pods' port is known."""
    port: int = 0
    """The pods' port that the Service leads to; 0 until it is known."""
    load: PoolLoad = IDLE_LOAD
    """Load of the servers when they were read last."""
    loaded_at: float = float("-inf")
    """When that reading began."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Requests that each server received past the activators, by address."""
    idle_seen_at: float | None = None
    """When the last reading began that saw nothing wait and nothing in flight; None where something does, or
    where that is unknown."""
    active_readings: int = 0
    """Readings in which the servers' counters had moved."""
    counts: tuple[tuple[int, int, int], ...] = ()
    """Counts of the reports that were looked at last: another one makes a reading due."""
    has_news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a reading is due before its time."""

    def was_loaded(self, load: PoolLoad, reports: Sequence[PoolReport], now: float) -> None:
        """Take in what the servers show; `reports` are those from before the servers were asked."""
        self.load, self.loaded_at = load, now
        self.active_readings += load.was_active
        taken = _at_replicas(reports)
        self.elsewhere = {
            address: max(0, running - taken.get(address, 0)) for address, running in load.running.items()
        }

    def sample(self, reports: Sequence[PoolReport], now: float) -> Sample:
        """Demand now: what activators hold, who will come back, and what the servers are busy with.

        While the pool is warm, requests pass the activators by: only the servers' own counters show that the
        requests in flight are not always the same ones.
        """
        sample = Sample(
            source=self.source.name,
            observed_at=now,
            queued=_queued(reports) + self.load.waiting,
            in_flight=max(_passing(reports), self.load.in_flight),
            in_flight_marker=self._marker(reports),
            oldest_arrived_at=_oldest_arrived_at(reports, now),
        )
        self.idle_seen_at = None if sample.queued or sample.in_flight else now
        return sample

    def held_sample(self, reports: Sequence[PoolReport], now: float) -> Sample | None:
        """What waits at the activators where the rest can't be read; None where nothing waits.

        It is a lower bound: replicas may be added for it, and while anything waits none is taken away.
        """
        queued = _queued(reports)
        if not queued:
            return None
        is_believed = now - self.loaded_at <= self.source.stale_after_seconds
        return Sample(
            source=self.source.name,
            observed_at=now,
            queued=queued,
            in_flight=max(_passing(reports), self.load.in_flight if is_believed else 0),
            in_flight_marker=self._marker(reports),
            oldest_arrived_at=_oldest_arrived_at(reports, now),
        )

    def _marker(self, reports: Sequence[PoolReport]) -> str:
        return f"{sum(report.completed for report in reports)}/{self.active_readings}"


def engines_of(http: Http) -> tuple[Engine, ...]:
    """The engines whose series are looked for: a declared one of the user's own, or all that are known."""
    metrics = http.metrics
    if metrics.running_series is None:
        return ENGINES
    own = Engine(
        "own",
        waiting=(Series(metrics.waiting_series),) if metrics.waiting_series else (),
        running=(Series(metrics.running_series),),
        activity=(Series(metrics.activity_series),) if metrics.activity_series else (),
    )
    return (own,)


def _queued(reports: Sequence[PoolReport]) -> int:
    waiting = sum(entry.requests for report in reports for entry in report.waiting)
    return waiting + sum(report.expected_back for report in reports)


def _passing(reports: Sequence[PoolReport]) -> int:
    return sum(report.in_flight for report in reports)


def _oldest_arrived_at(reports: Sequence[PoolReport], now: float) -> float | None:
    ages = [entry.age_seconds for report in reports for entry in report.waiting]
    return now - max(ages) if ages else None


def _at_replicas(reports: Iterable[PoolReport]) -> Mapping[str, int]:
    """Requests that activators have at each replica."""
    taken: dict[str, int] = {}
    for report in reports:
        for address, requests in report.at_replicas.items():
            taken[address] = taken.get(address, 0) + requests
    return taken
