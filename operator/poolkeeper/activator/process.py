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
from poolkeeper.activator.routing.shared import share
from poolkeeper.activator.server import Server
from poolkeeper.activator.tokens import TokenFile

logger = logging.getLogger(__name__)

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process is set up.

    After SIGTERM it goes on until a table shows that the controller knows, for `told_seconds` at most: while
    nobody leads, nobody takes it out of the endpoints. It then goes on for `leave_seconds`, until none sends
    it anything new, and refuses what still comes, until nothing waits or is being worked on; all this for
    `grace_seconds` at the most.
    """

    identity: str
    token_file: Path
    control: Address
    probes: Address
    data_host: str | None = None
    told_seconds: float = 30.0
    leave_seconds: float = 5.0
    grace_seconds: float = 600.0
    limits: Limits = field(default_factory=Limits)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set and what was accepted has been answered."""
    shared = share(settings.limits)
    pools = shared.pools
    server = Server(shared, settings.data_host)
    reporter = Reporter(settings.identity, pools, server)
    control = Control(TokenFile(settings.token_file), pools, server, reporter)
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
    logger.info("told to stop; finishing what is here")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.grace_seconds):
            await _until_told(pools, settings.told_seconds)
            await asyncio.sleep(settings.leave_seconds)
            # First nobody can come any more, then wait: a request that came in between would be cut off.
            server.stop_listening()
            pools.close()
            await pools.until_empty()
            await server.until_quiet()
    pools.close()
    pools.refuse_all()


async def _until_told(pools: Pools, seconds: float) -> None:
    """Wait for a table that was sent after ours was the last word: only a leader changes the endpoints."""
    if not pools.ports:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await pools.was_told_since_stop.wait()


@contextlib.asynccontextmanager
async def _site(application: web.Application, address: Address) -> AsyncIterator[None]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
        yield
    finally:
        await runner.cleanup()
