"""The time that a connection spends without a request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from poolkeeper.activator.connection import Connection
from poolkeeper.activator.pools import Pools


@asynccontextmanager
async def patience(pools: Pools, port: int, *, is_new: bool) -> AsyncIterator[None]:
    """Cut a wait for a request short with TimeoutError: at its bound, or when the connection is to go.

    A new connection that is to go gets a moment for its first request, since it was just sent here.
    """
    seconds = pools.limits.idle_seconds
    if pools.sends_away(port):
        seconds = pools.limits.leaving_seconds if is_new else 0.0
    async with asyncio.timeout(seconds) as bound:

        def told() -> None:
            if not bound.expired():
                bound.reschedule(asyncio.get_running_loop().time())

        with pools.departures.listening(port, told):
            yield


async def request_comes(pools: Pools, connection: Connection, *, is_new: bool) -> bool:
    """Wait for a request's first byte, or the end; False if none came and the connection is to be closed.

    What has come by then is served, though it came at the last moment: closing would lose it.
    """
    try:
        async with patience(pools, connection.local_port, is_new=is_new):
            await connection.until_readable()
    except TimeoutError:
        return connection.is_readable
    return True
