"""Notices clients that hang up while we do not read from them.

A client whose body has no room in memory is not read from, and asyncio does not notice when such a client
closes. The kernel is therefore asked once a second, with one system call for each of these connections.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from poolkeeper.activator.net.connection import Connection

EVERY_SECONDS = 1.0


class HangUps:
    """The connections that may be left unread, now or later: a client may send its next request early."""

    def __init__(self) -> None:
        self._watched: set[Connection] = set()

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        """Abort the connection if its client hangs up while it is not read from."""
        self._watched.add(connection)
        try:
            yield
        finally:
            self._watched.discard(connection)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for connection in list(self._watched):
                if connection.is_paused and connection.has_hung_up():
                    connection.abort()
