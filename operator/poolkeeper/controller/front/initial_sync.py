"""Waits until every existing pool is in the store, so that the first table lists all of them."""

from collections.abc import Callable, Sequence

from poolkeeper.api.base import API_VERSION, POOLS
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import NotFound
from poolkeeper.kube.transport.listing import list_in

LIST_AGAIN_SECONDS = 10.0
"""How often missing pools are listed again: a pool may be deleted before the watch has delivered it."""


class InitialSync:
    """Compares one list of all pools with the store; once complete, the watch keeps the store true.

    The deletion sweep waits for classes too, which tables do not need.
    """

    def __init__(
        self, client: KubeClient, store: Store, namespaces: Sequence[str], clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._store = store
        self._namespaces = namespaces
        self._clock = clock
        self._missing: set[PoolKey] | None = None
        self._listed_at = float("-inf")

    async def is_complete(self) -> bool:
        """Whether every listed pool is in the store; raises ApiError, ApiUnreachable."""
        if self._missing != set() and self._clock() - self._listed_at >= LIST_AGAIN_SECONDS:
            try:
                self._missing = await self._keys()
            except NotFound:
                # The kind is not served, or not yet: an API server that starts does not know it for a moment.
                return False
            self._listed_at = self._clock()
        self._missing = {key for key in self._missing or () if self._store.get(key) is None}
        return not self._missing

    async def _keys(self) -> set[PoolKey]:
        listed = await list_in(self._client, self._namespaces, API_VERSION, POOLS)
        return {
            PoolKey(item["metadata"]["namespace"], item["metadata"]["name"])
            for item in listed
            if "deletionTimestamp" not in item["metadata"]
        }
