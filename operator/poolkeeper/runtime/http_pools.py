"""Keeps every pool whose requests come over HTTP in step with its Service, its servers and the activators."""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Callable, Sequence

import aiohttp

from poolkeeper.api.activation import PoolReport
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.pool import PoolMode
from poolkeeper.core.decision import Verdict
from poolkeeper.core.identity import PoolKey
from poolkeeper.core.ledger import Sample
from poolkeeper.core.observation import Unavailable
from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.endpoint_slices import ActivatorSlice, delete_slice, list_slices, put_slice
from poolkeeper.kube.errors import KubeFailure
from poolkeeper.kube.services import ServiceUnsuitable
from poolkeeper.runtime.activators import Activators
from poolkeeper.runtime.backend_ports import BackendPorts
from poolkeeper.runtime.http_pool import HttpPool, ready_addresses
from poolkeeper.runtime.leadership import Leads, NotLeading
from poolkeeper.runtime.pool import Pool
from poolkeeper.runtime.store import Store
from poolkeeper.sources.base import SourceFailure

logger = logging.getLogger(__name__)

Publish = Callable[[PoolKey, Sample | Unavailable], None]

TURN_AT_LEAST_EVERY_SECONDS = 0.5
TURN_AT_MOST_EVERY_SECONDS = 0.05
READ_AT_MOST_EVERY_SECONDS = 0.05
SLICES_READ_EVERY_SECONDS = 10.0
SERVICE_READ_EVERY_SECONDS = 30.0
SERVICE_RETRY_SECONDS = 3.0
FIRST_PORT, PORTS = 20_000, 10_000


class HttpPools:
    """Reads demand for all http sources; the leading replica also moves the activators in and out."""

    def __init__(
        self,
        store: Store,
        client: KubeClient,
        activators: Activators,
        backend_ports: BackendPorts,
        leadership: Leads,
        publish: Publish,
        may_stop_now: Callable[[PoolKey], None],
        clock: Callable[[], float],
        *,
        namespaces: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._client = client
        self._activators = activators
        self._backend_ports = backend_ports
        self._leadership = leadership
        self._publish = publish
        self._may_stop_now = may_stop_now
        self._clock = clock
        self._namespaces = namespaces
        self._pools: dict[PoolKey, HttpPool] = {}
        self._reading: dict[PoolKey, asyncio.Task[None]] = {}
        self._slices: dict[tuple[str, str], ActivatorSlice] | None = None
        self._slices_read_at = float("-inf")
        self._news = asyncio.Event()
        self._issue = 0

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Follow the http source among these, if there is one."""
        source = next((each for each in sources if each.http is not None), None)
        known = self._pools.get(pool)
        if source is None or source.http is None:
            self.forget(pool)
        elif known is None or known.source != source:
            self.forget(pool)
            self._pools[pool] = HttpPool(source, source.http)
            self._reading[pool] = asyncio.create_task(self._read_on(pool, self._pools[pool]))

    def forget(self, pool: PoolKey) -> None:
        """Follow a pool no longer; its slices go with it, or at the next look at them."""
        self._pools.pop(pool, None)
        reading = self._reading.pop(pool, None)
        if reading is not None:
            reading.cancel()

    def may_stop(self, pool: PoolKey) -> bool:
        """Whether the last replicas of a pool may be stopped: at once for pools without an http source."""
        known = self._pools.get(pool)
        return known is None or known.may_stop

    def heard(self) -> None:
        """Something has changed at the activators: look at once, and read the pools that it concerns."""
        self._news.set()
        for key, http in self._pools.items():
            counts = tuple((each.arrived, each.completed, each.in_flight) for each in self._reports(key))
            if counts != http.counts:
                http.counts = counts
                http.has_news.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                self._news.clear()
                try:
                    await self._turn()
                except (KubeFailure, TimeoutError, NotLeading) as failure:
                    logger.warning("The activators' endpoints can't be brought up to date: %s", failure)
                await asyncio.sleep(TURN_AT_MOST_EVERY_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TURN_AT_LEAST_EVERY_SECONDS):
                        await self._news.wait()
        finally:
            for reading in self._reading.values():
                reading.cancel()

    async def _turn(self) -> None:
        self._activators.confirm()
        if not self._leadership.may_write():
            self._slices = None
            for http in self._pools.values():
                http.switch = http.step = None
            return
        slices = await self._known_slices()
        for key, http in list(self._pools.items()):
            try:
                await self._move(key, http, slices)
            except KubeFailure as failure:
                http.is_in_place = False
                logger.warning("The endpoints can't be changed: %s", failure, extra={"pool": str(key)})
        await self._remove_leftovers(slices)
        await self._send_tables()

    async def _known_slices(self) -> dict[tuple[str, str], ActivatorSlice]:
        """Our slices as they are; read anew now and then, since anybody may delete one."""
        now = self._clock()
        if self._slices is None or now - self._slices_read_at >= SLICES_READ_EVERY_SECONDS:
            listed = await list_slices(self._client, self._namespaces)
            self._slices = {(each.pool.namespace, each.name): each for each in listed}
            self._slices_read_at = now
        return self._slices

    async def _move(
        self, key: PoolKey, http: HttpPool, slices: dict[tuple[str, str], ActivatorSlice]
    ) -> None:
        pool = self._store.get(key)
        if pool is None or http.service is None or pool.declaration.spec is None:
            return
        ours = {name: each for name, each in slices.items() if each.pool == key}
        self._choose_port(key, http, list(ours.values()))
        wanted = {(key.namespace, each.name): each for each in self._wanted_slices(key, http)}
        http.is_in_place = bool(wanted) and all(ours.get(name) == each for name, each in wanted.items())
        held = sum(entry.requests for report in self._reports(key) for entry in report.waiting)
        is_enforced = pool.declaration.spec.mode is PoolMode.ENFORCE
        could_stop, phase_before = http.may_stop, http.switch.phase if http.switch else None
        step = http.advance(self._clock(), pool, held, has_slices=bool(ours))
        if http.switch and http.switch.phase is not phase_before:
            logger.info("%s: %s", http.switch.phase, step.message, extra={"pool": str(key)})
        if step.may_stop and not could_stop:
            self._may_stop_now(key)
        targets = wanted if step.wants_activators and is_enforced else {}
        for name, each in targets.items():
            if ours.get(name) != each:
                async with self._leadership.writing():
                    await put_slice(self._client, each)
                slices[name] = each
        for name in ours.keys() - targets.keys():
            await self._delete(slices, name)

    def _wanted_slices(self, key: PoolKey, http: HttpPool) -> list[ActivatorSlice]:
        """The activators as endpoints of the Service, per address family; none without an activator."""
        pool, service = self._store.get(key), http.service
        if pool is None or service is None:
            return []
        port = service.port(http.http.port)
        made = []
        for family in service.families:
            addresses = [
                address
                for activator in self._activators.joining()
                for address in activator.pod.addresses
                if (":" in address) == (family == "IPv6")
                and http.listen_port not in (activator.report.unbound_ports if activator.report else ())
            ]
            if addresses:
                ports = ((port.name, http.listen_port),)
                uid = pool.declaration.uid
                made.append(ActivatorSlice(key, uid, service.name, family, tuple(sorted(addresses)), ports))
        return made

    def _choose_port(self, key: PoolKey, http: HttpPool, ours: list[ActivatorSlice]) -> None:
        """The port that a slice records, else one that no other pool has."""
        if http.listen_port:
            return
        recorded = [port for each in ours for _, port in each.ports if each.service == http.http.service]
        taken = {each.listen_port for each in self._pools.values()}
        taken |= {
            port for each in (self._slices or {}).values() if each.pool != key for _, port in each.ports
        }
        start = zlib.crc32(f"{key.namespace}/{http.http.service}/{http.http.port}".encode())
        candidates = (FIRST_PORT + (start + offset) % PORTS for offset in range(PORTS))
        free = (port for port in (*recorded, *candidates) if port not in taken)
        http.listen_port = next(free, 0)

    async def _remove_leftovers(self, slices: dict[tuple[str, str], ActivatorSlice]) -> None:
        """Slices of pools that exist but have no http source any more; others go with their pool."""
        for name, each in list(slices.items()):
            if each.pool not in self._pools and self._store.get(each.pool) is not None:
                await self._delete(slices, name)

    async def _delete(self, slices: dict[tuple[str, str], ActivatorSlice], name: tuple[str, str]) -> None:
        async with self._leadership.writing():
            await delete_slice(self._client, slices[name])
        del slices[name]

    async def _send_tables(self) -> None:
        now = self._clock()
        self._issue = max(self._issue + 1, int(now * 1000))
        activators = self._activators.all()
        heard = [each for each in activators if each.report]
        sends = []
        for activator in heard:
            routes = tuple(
                http.route(pool, activator, activators, now)
                for key, http in sorted(self._pools.items())
                if http.listen_port and (pool := self._store.get(key)) is not None
            )
            sends.append(self._activators.send(activator, routes, self._issue))
        await asyncio.gather(*sends)

    def _reports(self, key: PoolKey) -> list[PoolReport]:
        reports = (each.of_pool(key) for each in self._activators.all())
        return [report for report in reports if report is not None]

    async def _read_on(self, key: PoolKey, http: HttpPool) -> None:
        async with aiohttp.ClientSession() as client:
            while True:
                began = self._clock()
                http.has_news.clear()
                try:
                    self._publish(key, await self._read(key, http, client))
                except (SourceFailure, KubeFailure) as failure:
                    http.idle_seen_at = None
                    unavailable = Unavailable(http.source.name, failure.reason, failure.message, began)
                    self._publish(key, unavailable)
                except Exception:
                    http.idle_seen_at = None
                    logger.exception("demand can't be read", extra={"pool": str(key)})
                self._news.set()
                await asyncio.sleep(READ_AT_MOST_EVERY_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(http.source.poll_milliseconds / 1000):
                        await http.has_news.wait()

    async def _read_service(self, pool: Pool, http: HttpPool) -> None:
        try:
            service, port, pool.service = await self._backend_ports.read(pool, http.http)
        except ServiceUnsuitable as failure:
            pool.service = Verdict(False, failure.reason, failure.message)
            raise
        http.serves_by(service, port)

    async def _read(self, key: PoolKey, http: HttpPool, client: aiohttp.ClientSession) -> Sample:
        """Raises SourceFailure, KubeFailure: what is not known for sure is no zero."""
        pool = self._store.get(key)
        if pool is None:
            raise SourceFailure("PoolGone", "the pool is gone")
        if self._clock() >= http.read_again_at:
            http.read_again_at = self._clock() + SERVICE_RETRY_SECONDS
            await self._read_service(pool, http)
            http.read_again_at = self._clock() + SERVICE_READ_EVERY_SECONDS
        if http.servers is None:
            raise SourceFailure("ServiceUnknown", "the Service could not be read yet")
        if self._activators.failure:
            raise SourceFailure("ActivatorsUnknown", self._activators.failure)
        now = self._clock()
        taken: dict[str, int] = {}
        for report in self._reports(key):
            for address, requests in report.at_replicas.items():
                taken[address] = taken.get(address, 0) + requests
        http.load = await http.servers.read(client, ready_addresses(pool))
        http.elsewhere = {
            address: max(0, running - taken.get(address, 0)) for address, running in http.load.running.items()
        }
        sample = http.sample(self._reports(key), now)
        silent = self._activators.silent()
        if silent and not sample.queued and not sample.in_flight:
            raise SourceFailure("ActivatorSilent", f"the activator at {silent[0]} does not report")
        return sample
