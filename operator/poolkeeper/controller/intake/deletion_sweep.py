"""Lists pools and classes now and then: a watch that was interrupted does not report deletions."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable

from poolkeeper.api.base import API_VERSION, CLASSES, POOLS
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.controller.loop.patience import Patience
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure, NotFound
from poolkeeper.kube.transport.listing import list_in
from poolkeeper.kube.transport.paths import api_path

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 300.0
UNSYNCED_INTERVAL_SECONDS = 10.0
"""While the operator starts: a pool may be deleted before the watch has delivered it."""
CHECK_SECONDS = 0.1
RETRY_SECONDS = 0.5


class DeletionSweep:
    """Removes deleted pools and classes from the store; new ones come from the watch only."""

    def __init__(
        self,
        client: KubeClient,
        store: Store,
        updates: Updates,
        *,
        namespaces: Iterable[str] = (),
    ) -> None:
        self._client = client
        self._store = store
        self._updates = updates
        self._namespaces = tuple(namespaces)
        self.synced = asyncio.Event()
        """Set once everything that existed when the operator started has been seen."""
        self._listed: tuple[set[str], set[PoolKey]] = set(), set()

    async def wait_for_kinds(self) -> None:
        """Return once the API server serves our kinds, so that they can be watched."""
        patience, is_first = Patience("Whether the CRDs are installed can't be looked up"), True
        while True:
            pause_seconds = RETRY_SECONDS
            try:
                if await self._are_kinds_served():
                    return
                if is_first:
                    logger.warning("The CRDs of %s are not installed: waiting for them", API_VERSION)
                is_first = False
            except KubeFailure as failure:
                pause_seconds = patience.failed(failure)
            await asyncio.sleep(pause_seconds)

    async def run(self) -> None:
        """Sweep until cancelled: every 10 s until all that exists was delivered, then every five minutes."""
        patience = Patience("Pools and classes can't be listed")
        while True:
            try:
                await self.sweep()
            except KubeFailure as failure:
                await asyncio.sleep(patience.failed(failure))
                continue
            patience.succeeded()
            await self._wait_for_the_watch()
            if self.synced.is_set():
                await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311

    async def sweep(self) -> None:
        """Sweep once: list what exists, and remove what does not."""
        pools_before = {pool.key: pool.declaration.uid for pool in self._store.all()}
        classes_before = set(self._store.classes)
        pools = await self._uids_of_pools()
        listed = await list_in(self._client, (), API_VERSION, CLASSES)
        classes = {item["metadata"]["name"] for item in listed}
        for key, uid in pools_before.items():
            if pools.get(key) != uid:
                self._updates.pool_gone(key, uid)
        for name in classes_before - classes:
            self._updates.class_gone(name)
        self._listed = classes, set(pools)

    async def _wait_for_the_watch(self) -> None:
        """Return once the watch has delivered everything that was listed, or the list is too old."""
        classes, pools = self._listed
        listed_at = time.monotonic()
        while not self.synced.is_set() and time.monotonic() - listed_at < UNSYNCED_INTERVAL_SECONDS:
            pools = {key for key in pools if self._store.get(key) is None}
            if not pools and classes <= self._updates.classes_seen:
                self.synced.set()
            else:
                await asyncio.sleep(CHECK_SECONDS)

    async def _are_kinds_served(self) -> bool:
        """Raises ApiError, ApiUnreachable."""
        try:
            served = await self._client.request("GET", api_path(API_VERSION))
        except NotFound:
            return False
        return {POOLS, CLASSES} <= {resource["name"] for resource in served.get("resources") or ()}

    async def _uids_of_pools(self) -> dict[PoolKey, str]:
        items = await list_in(self._client, self._namespaces, API_VERSION, POOLS)
        return {
            PoolKey(item["metadata"]["namespace"], item["metadata"]["name"]): item["metadata"]["uid"]
            for item in items
            if "deletionTimestamp" not in item["metadata"]
        }
