"""One activator from its first port to the answer of its last request."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from poolkeeper.activator.control import Control, probes
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.reports import Reporter
from poolkeeper.activator.routing.pools import Pools
from poolkeeper.activator.routing.shared import Shared
from poolkeeper.activator.server import Server

logger = logging.getLogger(__name__)

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process is set up.

    After SIGTERM the activator serves as before until a leader has heard of the stop, then until all nodes
    have learned that the activator is no endpoint any more. Then it refuses new requests and finishes those
    that it has.
    """

    identity: str
    """Name of the pod and of this process; changes with every restart."""
    token_file: Path
    """File with the token that the controller authenticates with."""
    control: Address
    """Where tables are taken and reports are given."""
    probes: Address
    """Where probes and Prometheus ask."""
    data_host: str | None = None
    """Address of the ports for clients; None for all addresses."""
    notice_seconds: float = 30.0
    """After SIGTERM: longest wait for a table that was sent after the stop was reported. Without a leader the
    activator stays an endpoint."""
    leave_seconds: float = 5.0
    """After that table: how long nodes may still send new connections."""
    grace_seconds: float = 600.0
    """After SIGTERM: longest until all requests have ended."""
    limits: Limits = field(default_factory=Limits)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set and what was accepted has been answered."""
    shared = Shared(settings.limits)
    pools = shared.pools
    server = Server(shared, settings.data_host)
    reporter = Reporter(settings.identity, pools, server)
    control = Control(settings.token_file, pools, server, reporter)
    hang_ups = asyncio.create_task(shared.hang_ups.run())
    try:
        async with (
            _site(control.application(), settings.control),
            _site(probes(shared), settings.probes),
        ):
            await stop.wait()
            pools.stop()
            reporter.changed()
            await _finish(pools, server, settings)
            await server.close()
    finally:
        hang_ups.cancel()


async def _finish(pools: Pools, server: Server, settings: Settings) -> None:
    logger.info("stopping: new requests are refused soon, those that wait or run are finished first")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.grace_seconds):
            await _until_noticed(pools, settings.notice_seconds)
            await asyncio.sleep(settings.leave_seconds)
            # Refuse first, then wait: a request that came after the last one has ended would be cut off.
            server.stop_listening()
            pools.close()
            await pools.until_empty()
            await server.until_quiet()
    pools.close()
    pools.refuse_all()


async def _until_noticed(pools: Pools, seconds: float) -> None:
    """Wait for a table that was sent after the stop: only a leader takes this activator out of endpoints."""
    if not pools.ports:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await pools.has_table_since_stop.wait()


@contextlib.asynccontextmanager
async def _site(application: web.Application, address: Address) -> AsyncIterator[None]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
        yield
    finally:
        await runner.cleanup()
