"""A hub under test, and what it publishes."""

import asyncio
import time
from collections.abc import Callable, Mapping

from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import PoolKey, SecretUnavailable
from poolkeeper.sources.hub import DemandHub

POOL = PoolKey("serving", "chat")
LOCAL_ONLY = AddressPolicy.from_cidrs(allowed=["127.0.0.0/8"])
PATIENCE_SECONDS = 20.0

Outcome = Sample | Unavailable


class Listener:
    """Hears what a hub publishes; only what comes after a question answers it."""

    def __init__(self) -> None:
        self.heard: list[tuple[PoolKey, Outcome]] = []
        self._waiting: list[tuple[Callable[[PoolKey, Outcome], bool], asyncio.Future[Outcome]]] = []

    def __call__(self, pool: PoolKey, outcome: Outcome) -> None:
        self.heard.append((pool, outcome))
        for matches, future in self._waiting:
            if not future.done() and matches(pool, outcome):
                future.set_result(outcome)

    async def sample(self, where: Callable[[Sample], bool] = lambda _: True, pool: PoolKey = POOL) -> Sample:
        """The next sample of a pool that fits."""
        outcome = await self._next(lambda key, each: key == pool and isinstance(each, Sample) and where(each))
        assert isinstance(outcome, Sample)
        return outcome

    async def unavailable(self, reason: str | None = None, pool: PoolKey = POOL) -> Unavailable:
        """The next outage of a pool, for this reason."""
        outcome = await self._next(
            lambda key, each: (
                key == pool and isinstance(each, Unavailable) and (reason is None or each.reason == reason)
            )
        )
        assert isinstance(outcome, Unavailable)
        return outcome

    async def _next(self, matches: Callable[[PoolKey, Outcome], bool]) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((matches, future))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await future
        except TimeoutError:
            raise AssertionError(f"not heard; the last were {self.heard[-5:]}") from None


class Secrets:
    """The Secrets of a cluster, by namespace and name."""

    def __init__(self) -> None:
        self.contents: dict[tuple[str, str], Mapping[str, bytes]] = {}
        self.reads: list[tuple[str, str]] = []

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """What the API server would answer."""
        self.reads.append((namespace, name))
        if (namespace, name) not in self.contents:
            raise SecretUnavailable("SecretNotFound", f"Secret {name} does not exist in {namespace}.")
        return self.contents[namespace, name]


class Listening:
    """A hub that runs, with its listener and the Secrets it may read."""

    def __init__(self, allowed: AddressPolicy = LOCAL_ONLY, max_connections: int = 100) -> None:
        self.listener = Listener()
        self.secrets = Secrets()
        self.hub = DemandHub(
            self.listener, self.secrets.read, allowed, time.time, max_connections=max_connections
        )

    def to(self, *sources: DemandSource, pool: PoolKey = POOL) -> Listener:
        """Listen to these sources of a pool."""
        self.hub.assign(pool, sources)
        return self.listener
