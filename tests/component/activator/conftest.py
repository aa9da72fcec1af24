"""An activator and replicas of a model on 127.0.0.1, with real sockets and real clients."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio
from aiohttp import web

from hack.testing.clocks import LoopClock, loop_clock
from hack.testing.ports import free_port
from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.routing.shared import Shared
from poolkeeper.activator.server import Server
from poolkeeper.api.activation import PoolRoute, PortRoute
from tests.component.activator.data_path import (
    LOOPBACK,
    Activator,
    RawHandler,
    Serve,
    ServeRaw,
    StartActivator,
)


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[LoopClock]:
    """The clock of the test's event loop."""
    async with loop_clock() as made:
        yield made


@pytest_asyncio.fixture
async def start_activator() -> AsyncIterator[StartActivator]:
    """Starts activators; keyword arguments are limits, `route` changes the pool's route."""
    started: list[Activator] = []

    async def start(
        *,
        route: dict[str, Any] | None = None,
        make_connection: Callable[..., Connection] = Connection,
        **limits: Any,
    ) -> Activator:
        port, backend_port = free_port(), free_port()
        shared = Shared(Limits(**{"linger_seconds": 0.2, **limits}))
        ports = (PortRoute(service="chat", listen_port=port, backend_port=backend_port),)
        at_zero = PoolRoute(namespace="serving", name="chat", ports=ports, hold_seconds=30)
        activator = Activator(
            shared=shared,
            server=Server(shared, LOOPBACK, make_connection),
            port=port,
            backend_port=backend_port,
            route=at_zero,
        )
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
