"""Notices clients that hang up while we do not read from them.

A held client whose body is larger than what we keep is not read from, and asyncio then says nothing of its
end. Asking the kernel once a second for all of them costs one system call each.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from poolkeeper.activator.net.connection import Connection

EVERY_SECONDS = 1.0


class HangUps:
    """The connections that wait unread."""

    def __init__(self) -> None:
        self._watched: set[Connection] = set()

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        """Abort the connection if its client hangs up meanwhile; one that is read from needs no watch."""
        if not connection.is_paused:
            yield
            return
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
                if connection.has_hung_up():
                    connection.abort()
