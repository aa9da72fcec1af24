"""The slow lane: brings the EndpointSlices to what the latest turn wants.

Every write waits for the API server and goes through the lease; the tables wait for none of it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from poolkeeper.backoff import Backoff
from poolkeeper.controller.front.initial_sync import InitialSync
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.loop.patience import Patience
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.front.presence import Endpoints, Presence
from poolkeeper.core.front.slices import ActivatorSlice, SliceName, by_name, by_pool
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.endpoint_slices import delete_slice, list_slices, put_slice, ready_pod_uids
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure

logger = logging.getLogger(__name__)

Slices = dict[SliceName, ActivatorSlice]

SLICES_READ_EVERY_SECONDS = 10.0
BELIEVED_SECONDS = 3 * SLICES_READ_EVERY_SECONDS
RETRY_SECONDS = 0.5
BACKOFF = Backoff(0.1, 10.0)
"""Between looks at whether a ready pod has become an endpoint."""
LOOKS_WITHOUT_WARNING = 5
"""About 3 s by the backoff."""


class EndpointsLane:
    """Our EndpointSlices: read and written here only, one request after the other.

    A list that was asked for before a write and answered after it would show a slice that is gone.
    """

    def __init__(
        self,
        client: KubeClient,
        store: Store,
        leadership: Leads,
        clock: Callable[[], float],
        changed: Callable[[], None],
        *,
        namespaces: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._leadership = leadership
        self._clock = clock
        self._changed = changed
        self._namespaces = namespaces
        self._initial_sync = InitialSync(client, store, namespaces, clock)
        self._wanted: Mapping[PoolKey, Endpoints] = {}
        self._read_at = self._listed_at = float("-inf")
        self._term = 0
        self._news = asyncio.Event()
        self._looks: dict[PoolKey, int] = {}
        self._pausing: set[PoolKey] = set()
        self._writes: dict[PoolKey, int] = {}
        self._known: Slices | None = None
        self._patience = Patience("The activators' endpoints can't be brought up to date")
        self._patience_with: dict[PoolKey, Patience] = {}

    @property
    def known(self) -> Mapping[SliceName, ActivatorSlice] | None:
        """Our slices; None until this replica leads and has read them."""
        return self._known

    @property
    def is_recent(self) -> bool:
        """Whether what is known was read lately: anybody may have deleted a slice since."""
        return self._clock() - self._listed_at <= BELIEVED_SECONDS

    def writes(self, pool: PoolKey) -> int:
        """How many slices of a pool were written so far."""
        return self._writes.get(pool, 0)

    def follow(self, wanted: Mapping[PoolKey, Endpoints]) -> None:
        """Bring the slices to this, as soon as the API server allows."""
        self._wanted = wanted
        self._news.set()

    def resign(self) -> None:
        """Another replica of the operator writes the slices from now on."""
        self._known, self._wanted = None, {}
        self._term += 1

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not self._leadership.may_write():
                continue
            try:
                await self._round()
                self._patience.succeeded()
            except NotLeading:
                await asyncio.sleep(RETRY_SECONDS)
            except (KubeFailure, TimeoutError) as failure:
                await asyncio.sleep(self._patience.failed(failure))

    async def _round(self) -> None:
        if not await self._initial_sync.is_complete():
            # A pool that is not known yet is not gone: slices and tables stay as another leader left them.
            return
        slices = await self._read()
        found = by_pool(slices)
        for key in self._patience_with.keys() - self._wanted.keys():
            del self._patience_with[key]
        for key in list(self._wanted):
            patience = self._patience_with.setdefault(key, Patience("The endpoints can't be changed", key))
            if self._clock() < patience.until:
                continue
            try:
                await self._follow_pool(key, slices, found.get(key, {}))
                patience.succeeded()
            except (KubeFailure, TimeoutError) as failure:
                # Whether it was done is not known.
                self._read_at = float("-inf")
                patience.until = self._clock() + patience.failed(failure)

    async def _read(self) -> Slices:
        """Our slices as they are; listed again now and then, since anybody may delete one."""
        now, term = self._clock(), self._term
        if self._known is None or now - self._read_at >= SLICES_READ_EVERY_SECONDS:
            listed = await list_slices(self._client, self._namespaces)
            if term != self._term:
                # Another leader may have written since the list was asked for.
                raise NotLeading
            self._known = by_name(listed)
            self._read_at = self._listed_at = now
            self._changed()
        return self._known

    async def _follow_pool(self, key: PoolKey, slices: Slices, ours: Slices) -> None:
        """The latest turn counts, also where this round began before it."""
        wanted = self._wanted.get(key)
        if wanted is None:
            return
        targets = by_name(wanted.slices)
        if wanted.presence is Presence.JOIN:
            await self._apply(slices, ours, targets)
        elif wanted.presence is Presence.STAY or (ours and not await self._may_leave(key, wanted)):
            await self._apply(slices, {}, {name: targets[name] for name in ours.keys() & targets.keys()})
        else:
            await self._apply(slices, ours, {})

    async def _may_leave(self, key: PoolKey, wanted: Endpoints) -> bool:
        """Whether a ready pod is an endpoint already; if not, it is asked again after a while."""
        if wanted.after is None:
            return True
        if key in self._pausing:
            return False
        joined = await ready_pod_uids(self._client, key.namespace, wanted.service)
        looks = self._looks.pop(key, 0)
        if wanted.after & joined:
            return True
        if looks >= LOOKS_WITHOUT_WARNING:
            message = "No ready pod is an endpoint of Service %s yet: the activators stay among its endpoints"
            logger.warning(message, wanted.service, extra={"pool": str(key)})
        self._looks[key] = looks + 1
        self._pausing.add(key)
        asyncio.get_running_loop().call_later(BACKOFF.pause_seconds(looks), self._ask_again, key)
        return False

    def _ask_again(self, key: PoolKey) -> None:
        self._pausing.discard(key)
        if key not in self._wanted:
            self._looks.pop(key, None)
        self._news.set()

    async def _apply(self, slices: Slices, ours: Slices, targets: Slices) -> None:
        """Make the targets exist, and of ours nothing else."""
        for name, each in targets.items():
            if slices.get(name) != each:
                async with self._leadership.writing():
                    await put_slice(self._client, each)
                slices[name] = each
                self._writes[each.pool] = self.writes(each.pool) + 1
                self._changed()
        for name in ours.keys() - targets.keys():
            # Not if another pool has taken the slice over since: slices are named after Services.
            if slices.get(name) == ours[name]:
                await self._delete(slices, name)

    async def _delete(self, slices: Slices, name: SliceName) -> None:
        """The slice counts as gone before it is: a pool must not settle by a slice that is being deleted."""
        unwanted = slices.pop(name)
        try:
            async with self._leadership.writing():
                await delete_slice(self._client, unwanted)
        except BaseException:
            slices[name] = unwanted
            raise
