"""Reads every http source over and over: the activators' reports and the model servers' metrics."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from poolkeeper.api.activation import PoolReport
from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.sources.base import Clock, Publish, SourceFailure
from poolkeeper.sources.http.reading import HttpReading, engines_of
from poolkeeper.sources.http.scrape import LoadReader, ModelServers, PoolLoad

logger = logging.getLogger(__name__)

READ_AT_MOST_EVERY_SECONDS = 0.05

MakeServers = Callable[..., LoadReader]


@dataclass(frozen=True, slots=True)
class Backends:
    """Where the model servers of one pool are."""

    port: int
    """The pods' port that the Service leads to."""
    addresses: tuple[str, ...]
    """The ready replicas."""
    unproven: frozenset[str] = frozenset()
    """Those of them that are Ready without a readiness probe and that no activator could connect to yet."""
    fallen: tuple[str, ...] = ()
    """Replicas that were ready and may still work on what they have taken."""
    are_known: bool = True
    """False while the pods of the target are not known: then no server that runs may have been asked."""


class Around(Protocol):
    """What a reading needs to know of a pool's Service, pods and activators."""

    async def backends(self, pool: PoolKey) -> Backends:
        """Where the servers are; raises SourceFailure where that, or what the activators hold, is unknown."""

    def reports(self, pool: PoolKey) -> Sequence[PoolReport]:
        """What the activators reported last about the pool."""

    def silent_activator(self) -> str | None:
        """Address of an activator that may hold requests and does not report; None if there is none."""


class HttpReader:
    """Publishes a Sample or an Unavailable per reading; `readings` show what else was seen."""

    def __init__(
        self,
        publish: Publish,
        around: Around,
        clock: Clock,
        *,
        has_read: Callable[[], None],
        make_servers: MakeServers = ModelServers,
        pause_seconds: float = READ_AT_MOST_EVERY_SECONDS,
    ) -> None:
        self._publish = publish
        self._around = around
        self._clock = clock
        self._has_read = has_read
        self._make_servers = make_servers
        self._pause_seconds = pause_seconds
        self._readings: dict[PoolKey, HttpReading] = {}
        self._tasks: dict[PoolKey, asyncio.Task[None]] = {}

    @property
    def readings(self) -> Mapping[PoolKey, HttpReading]:
        """The state of every source, to be read only."""
        return self._readings

    def assign(self, pool: PoolKey, source: DemandSource) -> None:
        """Read this source from now on; an idle pool seen by the declaration before proves nothing now."""
        reading = self._readings.setdefault(pool, HttpReading(source))
        if source != reading.source:
            reading.servers = None
        reading.source, reading.idle_seen_at = source, None
        if pool in self._tasks:
            # A reading that is under way by the declaration before must not count.
            self._tasks[pool].cancel()
        self._tasks[pool] = asyncio.create_task(self._read_on(pool, reading))

    def forget(self, pool: PoolKey) -> None:
        """Read a pool no longer."""
        self._readings.pop(pool, None)
        task = self._tasks.pop(pool, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """End all readings."""
        for pool in list(self._readings):
            self.forget(pool)

    def wake(self, pool: PoolKey) -> None:
        """Read a pool as soon as possible."""
        if pool in self._readings:
            self._readings[pool].has_news.set()

    def heard(self) -> None:
        """Activators have reported: read the pools that the reports concern."""
        for key, reading in self._readings.items():
            reports = self._around.reports(key)
            counts = tuple((each.arrived, each.completed, each.in_flight) for each in reports)
            if counts != reading.counts:
                reading.counts = counts
                reading.has_news.set()

    async def _read_on(self, key: PoolKey, reading: HttpReading) -> None:
        # A compressed answer would be unpacked to any size before it is looked at.
        async with aiohttp.ClientSession(auto_decompress=False) as client:
            while True:
                began = self._clock()
                reading.has_news.clear()
                try:
                    self._publish(key, await self._read(key, reading, client))
                except SourceFailure as failure:
                    self._publish(key, self._failed(key, reading, failure, began))
                except Exception:
                    reading.idle_seen_at = None
                    logger.exception("demand can't be read", extra={"pool": str(key)})
                self._has_read()
                await asyncio.sleep(self._pause_seconds)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(reading.source.poll_milliseconds / 1000):
                        await reading.has_news.wait()

    def _failed(
        self, key: PoolKey, reading: HttpReading, failure: SourceFailure, began: float
    ) -> Sample | Unavailable:
        reading.idle_seen_at = None
        held = reading.held_sample(self._around.reports(key), self._clock())
        name = reading.source.name
        return held or Unavailable(name, failure.reason, f"source {name}: {failure.message}", began)

    async def _read(self, key: PoolKey, reading: HttpReading, client: aiohttp.ClientSession) -> Sample:
        """Raises SourceFailure: what is not known for sure is no zero."""
        backends = await self._around.backends(key)
        now, reports = self._clock(), self._around.reports(key)
        reading.was_loaded(await self._load(reading, client, backends), reports, now)
        sample = reading.sample(self._around.reports(key), now)
        if not backends.are_known:
            # After an edit of the target its pods are not known for a moment: none was asked.
            reading.idle_seen_at = None
        silent = self._around.silent_activator()
        if silent and not sample.queued and not sample.in_flight:
            raise SourceFailure("ActivatorSilent", f"the activator at {silent} does not report")
        return sample

    async def _load(
        self, reading: HttpReading, client: aiohttp.ClientSession, backends: Backends
    ) -> PoolLoad:
        """A pod that still loads has no load; that it does is seen where its metrics have no other port."""
        servers, http = self._servers(reading, backends.port), reading.source.http
        shares_port = http is not None and http.metrics.port in (None, backends.port)
        loading = backends.unproven if shares_port else ()
        return await servers.read(client, backends.addresses, loading, backends.fallen)

    def _servers(self, reading: HttpReading, port: int) -> LoadReader:
        """The counters of the servers are kept unless their port or the declaration has changed."""
        http = reading.source.http
        if http is None:
            raise ValueError(f"source {reading.source.name} is no http source")
        if reading.servers is None or reading.port != port:
            reading.port = port
            reading.servers = self._make_servers(
                port=http.metrics.port or port, path=http.metrics.path, engines=engines_of(http)
            )
        return reading.servers
