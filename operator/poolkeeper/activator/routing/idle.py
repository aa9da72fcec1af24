"""The time that a connection spends without a request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.routing.pools import Pools


@asynccontextmanager
async def patience(pools: Pools, port: int, *, is_new: bool) -> AsyncIterator[None]:
    """Cut a wait for a request short with TimeoutError: at its bound, or when the connection is to go."""
    async with asyncio.timeout(_longest_seconds(pools, port, is_new=is_new)) as bound:

        def told() -> None:
            if not bound.expired():
                bound.reschedule(asyncio.get_running_loop().time())

        with pools.departures.listening(port, told):
            yield


async def request_comes(pools: Pools, connection: Connection, *, is_new: bool) -> bool:
    """Wait for a request's first byte, or the end; False if none came and the connection is to be closed.

    What has come by then is served, though it came at the last moment: closing would lose it.
    """
    if connection.has_news:
        return True
    port, loop = connection.local_port, asyncio.get_running_loop()
    seconds = _longest_seconds(pools, port, is_new=is_new)
    began = loop.time()
    bound = loop.call_at(began + seconds, connection.interrupt)

    def told() -> None:
        """Every table says it anew while the path is being left: that must not take a newcomer's moment."""
        nonlocal bound
        bound.cancel()
        bound = loop.call_at(began + _longest_seconds(pools, port, is_new=is_new), connection.interrupt)

    try:
        with pools.departures.listening(port, told):
            await connection.more()
            return connection.is_readable
    finally:
        bound.cancel()


def _longest_seconds(pools: Pools, port: int, *, is_new: bool) -> float:
    """A new connection that is to go gets a moment for its first request, since it was just sent here."""
    if not pools.sends_away(port):
        return pools.limits.idle_seconds
    return pools.limits.leaving_seconds if is_new else 0.0
