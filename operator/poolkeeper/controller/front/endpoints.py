"""The activators as endpoints of the Services: there while a pool's switch wants them, gone otherwise.

All of it waits for the API server, beside the telling of the activators, which waits for nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from poolkeeper.api.pool import PoolMode
from poolkeeper.controller.front.activators import Activators
from poolkeeper.controller.front.http_pool import HttpPool, ready_pods
from poolkeeper.controller.front.initial_sync import InitialSync
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import UNREAD
from poolkeeper.controller.reporting.verdicts import rival
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.endpoint_slices import (
    delete_slice,
    list_slices,
    put_slice,
    ready_pod_uids,
)
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure

logger = logging.getLogger(__name__)

Slices = dict[tuple[str, str], ActivatorSlice]

SLICES_READ_EVERY_SECONDS = 10.0
BELIEVED_SECONDS = 3 * SLICES_READ_EVERY_SECONDS
RETRY_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
"""Between looks at whether a ready pod has become an endpoint; each is twice as long as the one before."""
WORTH_TELLING_SECONDS = 2.0


class HttpEndpoints:
    """Our EndpointSlices; `known` is None until this replica leads and has read them, and `changed` is called
    whenever it says something else.

    They are read and written here only, one request after the other: a list that was asked for before a
    write and answered after it would tell of a slice that is gone.
    """

    def __init__(
        self,
        store: Store,
        pools: Mapping[PoolKey, HttpPool],
        client: KubeClient,
        activators: Activators,
        leadership: Leads,
        clock: Callable[[], float],
        changed: Callable[[], None],
        *,
        namespaces: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._pools = pools
        self._client = client
        self._activators = activators
        self._leadership = leadership
        self._clock = clock
        self._changed = changed
        self._namespaces = namespaces
        self._initial_sync = InitialSync(client, store, namespaces, clock)
        self._read_at = self._listed_at = float("-inf")
        self._term = 0
        self._news = asyncio.Event()
        self._pauses: dict[PoolKey, float] = {}
        self._pausing: set[PoolKey] = set()
        self.known: Slices | None = None

    @property
    def is_believed(self) -> bool:
        """Whether what is known was read lately: anybody may have deleted a slice since."""
        return self._clock() - self._listed_at <= BELIEVED_SECONDS

    def wake(self) -> None:
        """The pools have taken a step: do what follows."""
        self._news.set()

    def resign(self) -> None:
        """Somebody else writes the slices from now on."""
        self.known = None
        self._term += 1

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not self._leadership.may_write():
                continue
            try:
                await self._follow()
            except (KubeFailure, TimeoutError, NotLeading) as failure:
                logger.warning("The activators' endpoints can't be brought up to date: %s", failure)
                await asyncio.sleep(RETRY_SECONDS)

    def wanted(self, pool: Pool, http: HttpPool) -> Slices:
        """The activators as endpoints of the Service, per address family; none without an activator."""
        service = http.service
        if service is None or not http.listen_port:
            return {}
        port = service.port(http.http.port)
        made: Slices = {}
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
                each = ActivatorSlice(pool.key, uid, service.name, family, tuple(sorted(addresses)), ports)
                made[pool.key.namespace, each.name] = each
        return made

    async def _follow(self) -> None:
        if not await self._initial_sync.is_complete():
            # What is not known yet is not gone: endpoints and tables stay as another leader left them.
            return
        slices = await self._read()
        for key, ours in self._each_pool(slices):
            try:
                await self._follow_pool(key, slices, ours)
            except (KubeFailure, TimeoutError) as failure:
                # Whether it was done is not known.
                self._read_at = float("-inf")
                logger.warning("The endpoints can't be changed: %s", failure, extra={"pool": str(key)})
        await self._remove_leftovers(slices)

    async def _read(self) -> Slices:
        """Our slices as they are; read anew now and then, since anybody may delete one."""
        now, term = self._clock(), self._term
        if self.known is None or now - self._read_at >= SLICES_READ_EVERY_SECONDS:
            listed = await list_slices(self._client, self._namespaces)
            if term != self._term:
                # Another leader may have written since they were asked for.
                raise NotLeading
            self.known = {(each.pool.namespace, each.name): each for each in listed}
            self._read_at = self._listed_at = now
            self._changed()
        return self.known

    def _each_pool(self, slices: Slices) -> list[tuple[PoolKey, Slices]]:
        by_pool = slices_by_pool(slices)
        return [(key, by_pool.get(key, {})) for key in self._pools]

    async def _follow_pool(self, key: PoolKey, slices: Slices, ours: Slices) -> None:
        pool, http = self._store.get(key), self._pools.get(key)
        if pool is None or http is None:
            return
        if http.owner is not None:
            await self._apply(slices, ours, {})
            return
        wanted = self.wanted(pool, http)
        stays = {name: wanted[name] for name in ours.keys() & wanted.keys()}
        if http.service is None or pool.declaration.spec is None:
            # Activators come and go meanwhile; who is in the path stays there.
            await self._apply(slices, {}, stays)
        elif pool.surroundings.placement == UNREAD or http.step is None:
            # Whether somebody else scales the target is not known yet: neither come nor go.
            await self._apply(slices, {}, stays)
        else:
            is_enforced = pool.declaration.spec.mode is PoolMode.ENFORCE
            takes_part = is_enforced and rival(self._store, pool) is None
            if takes_part and http.step.wants_activators:
                await self._apply(slices, ours, wanted)
            elif takes_part and ours and not await self._have_pods_joined(pool, http.service.name):
                await self._apply(slices, {}, stays)
            else:
                await self._apply(slices, ours, {})

    async def _have_pods_joined(self, pool: Pool, service: str) -> bool:
        """Whether a ready pod is an endpoint already; if not, it is asked again after a while.

        Kubernetes makes it one by a controller that hears of the pod when we do, or later: activators that
        left before it would leave the Service without any endpoint.
        """
        if pool.key in self._pausing:
            return False
        joined = await ready_pod_uids(self._client, pool.key.namespace, service)
        pause_seconds = self._pauses.pop(pool.key, FIRST_PAUSE_SECONDS)
        if any(pod.uid in joined for pod in ready_pods(pool)):
            return True
        if pause_seconds > WORTH_TELLING_SECONDS:
            message = "No ready pod is an endpoint of Service %s yet: the activators stay among its endpoints"
            logger.warning(message, service, extra={"pool": str(pool.key)})
        self._pauses[pool.key] = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
        self._pausing.add(pool.key)
        asyncio.get_running_loop().call_later(pause_seconds, self._ask_again, pool.key)
        return False

    def _ask_again(self, key: PoolKey) -> None:
        self._pausing.discard(key)
        if key not in self._pools:
            self._pauses.pop(key, None)
        self._news.set()

    async def _apply(self, slices: Slices, ours: Slices, targets: Slices) -> None:
        """Make the targets be there, and of ours nothing else."""
        for name, each in targets.items():
            if slices.get(name) != each:
                async with self._leadership.writing():
                    await put_slice(self._client, each)
                slices[name] = each
                if (http := self._pools.get(each.pool)) is not None:
                    http.was_rejoined = True
                self._changed()
        for name in ours.keys() - targets.keys():
            # Not if another pool has taken it over since: slices are named after Services.
            if slices.get(name) == ours[name]:
                await self._delete(slices, name)

    async def _remove_leftovers(self, slices: Slices) -> None:
        """Slices of pools that exist but have no http source any more; others go with their pool."""
        for name, each in list(slices.items()):
            pool = self._store.get(each.pool)
            # A declaration that can't be read does not say that its http source is gone.
            if each.pool not in self._pools and pool is not None and pool.declaration.spec is not None:
                await self._delete(slices, name)

    async def _delete(self, slices: Slices, name: tuple[str, str]) -> None:
        """It counts as gone before it is: a pool must not settle by a slice that is on its way out."""
        unwanted = slices.pop(name)
        try:
            async with self._leadership.writing():
                await delete_slice(self._client, unwanted)
        except BaseException:
            slices[name] = unwanted
            raise


def slices_by_pool(slices: Slices) -> dict[PoolKey, Slices]:
    """The slices of each pool that has any."""
    found: dict[PoolKey, Slices] = {}
    for name, each in slices.items():
        found.setdefault(each.pool, {})[name] = each
    return found
