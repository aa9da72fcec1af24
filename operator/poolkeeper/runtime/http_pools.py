"""Keeps every pool whose requests come over HTTP in step with its Service, its servers and the activators."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import aiohttp

from poolkeeper.api.activation import PoolReport
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.pool import PoolMode
from poolkeeper.core.decision import Verdict
from poolkeeper.core.identity import PoolKey
from poolkeeper.core.ledger import Sample
from poolkeeper.core.observation import Unavailable
from poolkeeper.core.switching import Step
from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.endpoint_slices import ActivatorSlice, delete_slice, list_slices, put_slice
from poolkeeper.kube.errors import KubeFailure
from poolkeeper.kube.services import ServiceUnsuitable
from poolkeeper.runtime.activators import Activators
from poolkeeper.runtime.backend_ports import BackendPorts
from poolkeeper.runtime.http_pool import HttpPool, ready_addresses
from poolkeeper.runtime.http_pool_claims import settle_claims, shared_service
from poolkeeper.runtime.http_pool_ports import choose_port, routes_by_slices
from poolkeeper.runtime.http_pool_roll import PoolRoll
from poolkeeper.runtime.leadership import Leads, NotLeading
from poolkeeper.runtime.pool import Pool
from poolkeeper.runtime.store import Store
from poolkeeper.runtime.surroundings import UNREAD
from poolkeeper.runtime.verdicts import rival
from poolkeeper.sources.base import SourceFailure

logger = logging.getLogger(__name__)

Publish = Callable[[PoolKey, Sample | Unavailable], None]
Slices = dict[tuple[str, str], ActivatorSlice]

TURN_AT_LEAST_EVERY_SECONDS = 0.5
TURN_AT_MOST_EVERY_SECONDS = 0.05
READ_AT_MOST_EVERY_SECONDS = 0.05
SLICES_READ_EVERY_SECONDS = 10.0
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
        self._client = client
        self._activators = activators
        self._backend_ports = backend_ports
        self._leadership = leadership
        self._publish = publish
        self._may_stop_now = may_stop_now
        self._clock = clock
        self._namespaces = namespaces
        self._roll = PoolRoll(client, store, namespaces, clock)
        self._pools: dict[PoolKey, HttpPool] = {}
        self._reading: dict[PoolKey, asyncio.Task[None]] = {}
        self._slices: Slices | None = None
        self._slices_read_at = float("-inf")
        self._news = asyncio.Event()
        self._issue = 0
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

    def wake(self) -> None:
        """Pods have changed: look at once, since somebody may wait for one that is ready now."""
        self._news.set()

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
        settle_claims(self._pools, self._store)
        if not self._leadership.may_write():
            self._activators.resign()
            self._slices, self._has_sent_tables = None, False
            for http in self._pools.values():
                http.switch = http.step = None
            return
        self._activators.confirm()
        if not await self._roll.is_complete():
            # What is not known yet is not gone: endpoints and tables stay as another leader left them.
            return
        slices = await self._known_slices()
        # Above all that is in force: a leader before this one may have had a clock that is ahead.
        now_milliseconds = int(self._clock() * 1000)
        self._issue = max(self._issue + 1, now_milliseconds, self._activators.highest_issue + 1)
        self._choose_ports(slices.values())
        for key, http in list(self._pools.items()):
            try:
                await self._move(key, http, slices)
            except (KubeFailure, TimeoutError) as failure:
                http.is_in_place = False
                logger.warning("The endpoints can't be changed: %s", failure, extra={"pool": str(key)})
        await self._remove_leftovers(slices)
        self._send_tables(slices.values())

    async def _known_slices(self) -> Slices:
        """Our slices as they are; read anew now and then, since anybody may delete one."""
        now = self._clock()
        if self._slices is None or now - self._slices_read_at >= SLICES_READ_EVERY_SECONDS:
            listed = await list_slices(self._client, self._namespaces)
            self._slices = {(each.pool.namespace, each.name): each for each in listed}
            self._slices_read_at = now
        return self._slices

    async def _move(self, key: PoolKey, http: HttpPool, slices: Slices) -> None:
        pool = self._store.get(key)
        if pool is None:
            return
        ours = {name: each for name, each in slices.items() if each.pool == key}
        if http.owner is not None:
            http.switch, http.step, http.is_in_place = None, None, False
            await self._apply(slices, ours, {})
            return
        wanted = {(key.namespace, each.name): each for each in self._wanted_slices(pool, http)}
        if http.service is None or pool.declaration.spec is None:
            http.holds()
            # Activators come and go meanwhile; who is in the path stays there.
            await self._apply(slices, {}, {name: wanted[name] for name in ours.keys() & wanted.keys()})
            return
        http.is_in_place = bool(wanted) and all(ours.get(name) == each for name, each in wanted.items())
        step = self._advance(key, http, pool, has_slices=bool(ours))
        if pool.surroundings.placement == UNREAD:
            # Whether somebody else scales the target is not known yet: neither come nor go.
            await self._apply(slices, {}, {name: wanted[name] for name in ours.keys() & wanted.keys()})
            return
        may_take_part = pool.declaration.spec.mode is PoolMode.ENFORCE and rival(self._store, pool) is None
        await self._apply(slices, ours, wanted if step.wants_activators and may_take_part else {})

    def _advance(self, key: PoolKey, http: HttpPool, pool: Pool, *, has_slices: bool) -> Step:
        could_stop, phase_before = http.may_stop, http.switch.phase if http.switch else None
        step = http.advance(
            self._clock(),
            pool,
            self._reports(key),
            has_slices=has_slices,
            issue=self._issue,
            confirmed=self._activators.confirmed_issue,
        )
        if http.switch and http.switch.phase is not phase_before:
            logger.info("%s: %s", http.switch.phase, step.message, extra={"pool": str(key)})
        if step.may_stop and not could_stop:
            self._may_stop_now(key)
        return step

    async def _apply(self, slices: Slices, ours: Slices, targets: Slices) -> None:
        """Make the targets be there, and of ours nothing else."""
        for name, each in targets.items():
            if slices.get(name) != each:
                async with self._leadership.writing():
                    await put_slice(self._client, each)
                slices[name] = each
        for name in ours.keys() - targets.keys():
            await self._delete(slices, name)

    def _wanted_slices(self, pool: Pool, http: HttpPool) -> list[ActivatorSlice]:
        """The activators as endpoints of the Service, per address family; none without an activator."""
        service = http.service
        if service is None or not http.listen_port:
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
                made.append(
                    ActivatorSlice(pool.key, uid, service.name, family, tuple(sorted(addresses)), ports)
                )
        return made

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

    async def _remove_leftovers(self, slices: Slices) -> None:
        """Slices of pools that exist but have no http source any more; others go with their pool."""
        for name, each in list(slices.items()):
            pool = self._store.get(each.pool)
            # A declaration that can't be read does not say that its http source is gone.
            if each.pool not in self._pools and pool is not None and pool.declaration.spec is not None:
                await self._delete(slices, name)

    async def _delete(self, slices: Slices, name: tuple[str, str]) -> None:
        async with self._leadership.writing():
            await delete_slice(self._client, slices[name])
        del slices[name]

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
                self._activators.send(activator, (*routes, *unread), self._issue)

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
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(http.source.poll_milliseconds / 1000):
                        await http.has_news.wait()

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


def _at_replicas(reports: Iterable[PoolReport]) -> Mapping[str, int]:
    """Requests that activators have at each replica."""
    taken: dict[str, int] = {}
    for report in reports:
        for address, requests in report.at_replicas.items():
            taken[address] = taken.get(address, 0) + requests
    return taken
