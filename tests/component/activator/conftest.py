"""An activator and replicas of a model on 127.0.0.1, with real sockets and real clients."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
from aiohttp import web

from hack.testing.loop_clock import LoopClock, loop_clock
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.observing.metrics import Metrics
from poolkeeper.activator.routing.pools import Pools
from poolkeeper.activator.server import Server
from poolkeeper.api.activation import PoolReport, PoolRoute, PortRoute, Replica, RoutingTable

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[LoopClock]:
    """The clock of the test's event loop."""
    async with loop_clock() as made:
        yield made


@dataclass
class Activator:
    """The data path of one activator with one pool at zero."""

    pools: Pools
    server: Server
    port: int
    backend_port: int
    route: PoolRoute
    versions: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

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
        """What the controller would be told of the pool."""
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

    async def until_held(self, requests: int) -> None:
        """Wait until so many requests are held."""
        await self.until(lambda: self.held == requests)


StartActivator = Callable[..., Awaitable[Activator]]


@pytest_asyncio.fixture
async def start_activator() -> AsyncIterator[StartActivator]:
    """Starts activators; keyword arguments are limits, `route` changes the pool's route."""
    started: list[Activator] = []

    async def start(*, route: dict[str, Any] | None = None, **limits: Any) -> Activator:
        port, backend_port = free_port(), free_port()
        pools = Pools(Limits(**{"linger_seconds": 0.2, **limits}), Metrics())
        ports = (PortRoute(service="chat", listen_port=port, backend_port=backend_port),)
        at_zero = PoolRoute(namespace="serving", name="chat", ports=ports, hold_seconds=30)
        activator = Activator(pools, Server(pools, LOOPBACK), port, backend_port, at_zero)
        await activator.route_to(**(route or {}))
        started.append(activator)
        return activator

    yield start
    for activator in started:
        await activator.server.close()


@pytest_asyncio.fixture
async def activator(start_activator: StartActivator) -> Activator:
    """One activator with its usual limits."""
    return await start_activator()


Serve = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def serve(activator: Activator) -> AsyncIterator[Serve]:
    """Runs aiohttp handlers as a replica at an address of 127.0.0.0/8, on the pool's backend port."""
    runners: list[web.AppRunner] = []

    async def start(handler: Any, address: str = LOOPBACK) -> str:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, address, activator.backend_port).start()
        runners.append(runner)
        return address

    yield start
    for runner in runners:
        await runner.cleanup()


ServeRaw = Callable[..., Awaitable[str]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest_asyncio.fixture
async def serve_raw(activator: Activator) -> AsyncIterator[ServeRaw]:
    """Runs a replica that speaks exactly the bytes that a test gives it."""
    servers: list[asyncio.Server] = []

    async def start(handler: RawHandler, address: str = LOOPBACK) -> str:
        servers.append(await asyncio.start_server(handler, address, activator.backend_port))
        return address

    yield start
    for server in servers:
        server.close()


async def raw(activator: Activator, request: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
