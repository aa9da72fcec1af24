"""The data path of an activator, from the routing table to the sockets, and what starts it in a test."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from poolkeeper.activator.routing.pools import Pools
from poolkeeper.activator.routing.shared import Shared
from poolkeeper.activator.server import Server
from poolkeeper.api.activation import PoolReport, PoolRoute, Replica, RoutingTable

LOOPBACK = "127.0.0.1"


@dataclass
class Activator:
    """The data path of one activator with one pool at zero."""

    shared: Shared
    server: Server
    port: int
    backend_port: int
    route: PoolRoute
    versions: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def pools(self) -> Pools:
        """Its pools."""
        return self.shared.pools

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://{LOOPBACK}:{self.port}"

    async def route_to(self, *addresses: str, slots: int = 100, **changes: Any) -> None:
        """A new table: these replicas are ready now."""
        replicas = tuple(Replica(address=address, slots=slots) for address in addresses)
        self.route = self.route.model_copy(update={"replicas": replicas, **changes})
        self.pools.apply(self.table(next(self.versions)))
        await self.server.listen()

    def table(self, table_version: int, *, without_pool: bool = False, **changes: Any) -> RoutingTable:
        """A table of this version."""
        pools = () if without_pool else (self.route.model_copy(update=changes),)
        return RoutingTable(table_version=table_version, pools=pools)

    @property
    def report(self) -> PoolReport:
        """What a report to the controller says of the pool."""
        return self.pools.reports()[0]

    @property
    def held(self) -> int:
        """Requests that wait."""
        return sum(entry.requests for entry in self.report.waiting)

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for something to come true."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def until_steady(self, read: Callable[[], int]) -> int:
        """Wait until a number has stayed the same for ten rounds of the loop; that number."""
        last, rounds = read(), 0
        while rounds < 10:
            await asyncio.sleep(0.005)
            last, rounds = (last, rounds + 1) if read() == last else (read(), 0)
        return last

    async def until_connected(self, connections: int) -> None:
        """Wait until so many client connections are open."""
        registry = self.shared.metrics.registry
        await self.until(lambda: registry.get_sample_value("poolkeeper_activator_connections") == connections)

    async def until_held(self, requests: int) -> None:
        """Wait until so many requests are held."""
        await self.until(lambda: self.held == requests)

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of one series of the pool; None where there is none."""
        found = {"namespace": "serving", "pool": "chat", **labels}
        return self.shared.metrics.registry.get_sample_value(f"poolkeeper_activator_{name}", found)


StartActivator = Callable[..., Awaitable[Activator]]
Serve = Callable[..., Awaitable[str]]
ServeRaw = Callable[..., Awaitable[str]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
