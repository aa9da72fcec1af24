"""Keeps every pool whose requests come over HTTP in step with its Service, its servers and the activators.

What is to be known and said at once is here; what the endpoints have to become follows in http_endpoints.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import aiohttp

from poolkeeper.api.activation import PoolReport
from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.front.activators import Activators
from poolkeeper.controller.front.backend_ports import BackendPorts
from poolkeeper.controller.front.claims import settle_claims, shared_service
from poolkeeper.controller.front.endpoints import HttpEndpoints, Slices, slices_by_pool
from poolkeeper.controller.front.http_pool import HttpPool, ready_addresses
from poolkeeper.controller.front.ports import choose_port, routes_by_slices
from poolkeeper.controller.loop.leadership import Leads
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.kube.objects.services import ServiceUnsuitable
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.sources.base import SourceFailure

logger = logging.getLogger(__name__)

Publish = Callable[[PoolKey, Sample | Unavailable], None]

TURN_AT_LEAST_EVERY_SECONDS = 0.5
TURN_AT_MOST_EVERY_SECONDS = 0.05
READ_AT_MOST_EVERY_SECONDS = 0.05
SERVICE_READ_EVERY_SECONDS = 30.0
SERVICE_RETRY_SECONDS = 3.0


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
        self._activators = activators
        self._backend_ports = backend_ports
        self._leadership = leadership
        self._publish = publish
        self._may_stop_now = may_stop_now
        self._clock = clock
        self._pools: dict[PoolKey, HttpPool] = {}
        self._reading: dict[PoolKey, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._replicas_news = asyncio.Event()
        self._endpoints = HttpEndpoints(
            store,
            self._pools,
            client,
            activators,
            leadership,
            clock,
            self._news.set,
            namespaces=namespaces,
        )
        self._table_version = 0
        self._has_sent_tables = False

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Follow the http source among these, if there is one."""
        source = next((each for each in sources if each.http is not None), None)
        known, stored = self._pools.get(pool), self._store.get(pool)
        spec = stored.declaration.spec if stored else None
        if source is None or source.http is None:
            if stored is None or spec is not None:
                self.forget(pool)
            # Else the declaration can't be read: nobody has said that requests are to be held no longer.
            return
        if known is None or not known.is_edited_to(source.http):
            self.forget(pool)
            known = self._pools[pool] = HttpPool(source, source.http)
        known.declared(source, source.http, spec)
        if pool in self._reading:
            # A reading that is under way by the declaration before must not count any more.
            self._reading[pool].cancel()
        self._reading[pool] = asyncio.create_task(self._read_on(pool, known))

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

    def pods_changed(self, namespace: str) -> None:
        """Pods have changed: where other replicas are ready now, somebody may wait for the new one."""
        self._news.set()
        for pool in self._store.in_namespace(namespace):
            http = self._pools.get(pool.key)
            if http is not None and http.has_other_replicas(pool):
                self._replicas_news.set()
                return

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
            async with asyncio.TaskGroup() as both:
                both.create_task(self._tell_on())
                both.create_task(self._endpoints.run())
        finally:
            for reading in self._reading.values():
                reading.cancel()

    async def _tell_on(self) -> None:
        """Waits for nothing but news: a slow API server must hold up nobody who waits for a replica."""
        while True:
            self._news.clear()
            self._replicas_news.clear()
            self._tell()
            await _wait_for(self._replicas_news, TURN_AT_MOST_EVERY_SECONDS)
            await _wait_for(self._news, TURN_AT_LEAST_EVERY_SECONDS)

    def _tell(self) -> None:
        """Take every pool's next step, and tell the activators and the endpoints what follows."""
        settle_claims(self._pools, self._store)
        if not self._leadership.may_write():
            self._activators.resign()
            self._endpoints.resign()
            self._has_sent_tables = False
            for http in self._pools.values():
                http.switch = http.step = None
            return
        self._activators.confirm()
        slices = self._endpoints.known
        if slices is not None:
            # Above all that is in force: a leader before this one may have had a clock that is ahead.
            now_milliseconds = int(self._clock() * 1000)
            self._table_version = max(
                self._table_version + 1, now_milliseconds, self._activators.highest_version + 1
            )
            self._choose_ports(slices.values())
            by_pool = slices_by_pool(slices)
            for key, http in self._pools.items():
                if (pool := self._store.get(key)) is not None:
                    self._step(key, http, pool, by_pool.get(key, {}))
            self._send_tables(slices.values())
        self._endpoints.wake()

    def _step(self, key: PoolKey, http: HttpPool, pool: Pool, ours: Slices) -> None:
        http.told_ready = tuple(ready_addresses(pool))
        if http.owner is not None:
            http.switch = http.step = None
            return
        if http.service is None or pool.declaration.spec is None:
            http.holds()
            return
        wanted = self._endpoints.wanted(pool, http)
        could_stop, phase_before = http.may_stop, http.switch.phase if http.switch else None
        step = http.advance(
            self._clock(),
            pool,
            self._reports(key),
            has_slices=bool(ours),
            is_in_place=self._are_in_place(http, ours, wanted),
            table_version=self._table_version,
            confirmed=self._activators.confirmed_version,
        )
        if http.switch and http.switch.phase is not phase_before:
            logger.info("%s: %s", http.switch.phase, step.sentence, extra={"pool": str(key)})
        if step.may_stop and not could_stop:
            self._may_stop_now(key)

    def _are_in_place(self, http: HttpPool, ours: Slices, wanted: Slices) -> bool:
        """Whether clients have been led to all activators since the switch last looked.

        A slice that was deleted may be there again before the switch ever saw it missing: clients must settle
        all the same.
        """
        if http.was_rejoined:
            http.was_rejoined = False
            self._news.set()
            return False
        is_known = bool(wanted) and self._endpoints.is_believed
        return is_known and all(ours.get(name) == each for name, each in wanted.items())

    def _choose_ports(self, slices: Iterable[ActivatorSlice]) -> None:
        """Once the slices are known every pool has a port, whether or not its Service can be read."""
        missing = [(key, http) for key, http in self._pools.items() if not http.listen_port]
        if not missing:
            return
        taken = {each.listen_port for each in self._pools.values()}
        known = list(slices)
        for key, http in missing:
            http.listen_port = choose_port(key, http.http.service, http.http.port, known, taken)
            taken.add(http.listen_port)

    def _send_tables(self, slices: Iterable[ActivatorSlice]) -> None:
        """Not before every Service was read or can't be: until then activators go on by the last table."""
        if not self._has_sent_tables:
            if not all(http.was_service_asked for http in self._pools.values()):
                return
            self._has_sent_tables = True
        now = self._clock()
        unread = routes_by_slices(each for each in slices if self._is_unread(each.pool))
        activators = self._activators.all()
        for activator in activators:
            if activator.report:
                routes = [
                    http.route(pool, activator, activators, now)
                    for key, http in sorted(self._pools.items())
                    if http.listen_port and (pool := self._store.get(key)) is not None
                ]
                self._activators.send(activator, (*routes, *unread), self._table_version)

    def _is_unread(self, key: PoolKey) -> bool:
        """Whether only the slice of a pool is known: its declaration can't be read, and never could be."""
        pool = self._store.get(key)
        return key not in self._pools and pool is not None and pool.declaration.spec is None

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
                    self._publish(key, http.held_sample(self._reports(key), self._clock()) or unavailable)
                except Exception:
                    http.idle_seen_at = None
                    logger.exception("demand can't be read", extra={"pool": str(key)})
                self._news.set()
                await asyncio.sleep(READ_AT_MOST_EVERY_SECONDS)
                await _wait_for(http.has_news, http.source.poll_milliseconds / 1000)

    async def _read_service(self, pool: Pool, http: HttpPool) -> None:
        try:
            service, port, pool.service = await self._backend_ports.read(pool, http.http)
        except ServiceUnsuitable as failure:
            pool.service = Verdict(False, failure.reason, failure.message)
            raise
        finally:
            http.was_service_asked = True
        http.serves_by(service, port)

    async def _read(self, key: PoolKey, http: HttpPool, client: aiohttp.ClientSession) -> Sample:
        """Raises SourceFailure, KubeFailure: what is not known for sure is no zero."""
        pool = self._store.get(key)
        if pool is None:
            raise SourceFailure("PoolGone", "the pool is gone")
        if http.owner is not None:
            http.was_service_asked = True
            pool.service = shared_service(http.http.service, http.owner)
            raise SourceFailure(pool.service.reason, pool.service.message)
        if self._clock() >= http.read_again_at:
            http.read_again_at = self._clock() + SERVICE_RETRY_SECONDS
            await self._read_service(pool, http)
            http.read_again_at = self._clock() + SERVICE_READ_EVERY_SECONDS
        if http.servers is None:
            raise SourceFailure("ServiceUnknown", "the Service could not be read yet")
        if self._activators.failure:
            raise SourceFailure("ActivatorsUnknown", self._activators.failure)
        now, are_pods_known = self._clock(), pool.target.scale is not None
        taken = _at_replicas(self._reports(key))
        http.was_loaded(await http.servers.read(client, ready_addresses(pool)), taken, now)
        sample = http.sample(self._reports(key), now)
        if not are_pods_known:
            # After an edit of the target its pods are not known for a moment: none was asked.
            http.idle_seen_at = None
        silent = self._activators.silent()
        if silent and not sample.queued and not sample.in_flight:
            raise SourceFailure("ActivatorSilent", f"the activator at {silent[0]} does not report")
        return sample


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return once it is set, and after this time in any case."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _at_replicas(reports: Iterable[PoolReport]) -> Mapping[str, int]:
    """Requests that activators have at each replica."""
    taken: dict[str, int] = {}
    for report in reports:
        for address, requests in report.at_replicas.items():
            taken[address] = taken.get(address, 0) + requests
    return taken
