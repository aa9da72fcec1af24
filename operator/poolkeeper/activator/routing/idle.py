"""The time that a connection spends without a request, and when such a connection is to leave."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.limits import Limits

Leave = Callable[[], None]
"""Called, perhaps more than once, when connections to a port are to leave."""


class Idling:
    """Bounds the waits for a next request, and ends them when the pods answer or this process stops."""

    def __init__(self, limits: Limits, sends_away: Callable[[int], bool]) -> None:
        """`sends_away` says whether connections without a request are to leave a local port."""
        self._limits = limits
        self.sends_away = sends_away
        self._listeners: dict[int, set[Leave]] = {}

    @contextmanager
    def listening(self, port: int, leave: Leave) -> Iterator[None]:
        """Call `leave` when connections to this port are to leave."""
        self._listeners.setdefault(port, set()).add(leave)
        try:
            yield
        finally:
            self._listeners[port].discard(leave)
            if not self._listeners[port]:
                del self._listeners[port]

    def send_away(self, port: int) -> None:
        """Connections to this port are to leave."""
        for leave in list(self._listeners.get(port, ())):
            leave()

    def send_all_away(self) -> None:
        """Connections to every port are to leave."""
        for port in list(self._listeners):
            self.send_away(port)

    @asynccontextmanager
    async def patience(self, port: int) -> AsyncIterator[None]:
        """End a new connection's wait with TimeoutError: at its bound, or when the connection is to leave."""
        async with asyncio.timeout(self._longest_seconds(port, is_new=True)) as bound:

            def leave() -> None:
                if not bound.expired():
                    bound.reschedule(asyncio.get_running_loop().time())

            with self.listening(port, leave):
                yield

    async def request_comes(self, connection: Connection, *, is_new: bool) -> bool:
        """Wait for a request's first byte or the end; False if none came and the connection should be closed.

        A byte that came at the last moment counts: closing would lose its request.
        """
        if connection.has_news:
            return True
        port, loop = connection.local_port, asyncio.get_running_loop()
        began = loop.time()
        bound = loop.call_at(began + self._longest_seconds(port, is_new=is_new), connection.interrupt)

        def leave() -> None:
            """Every table repeats this while traffic moves away; a new connection keeps its moment."""
            nonlocal bound
            bound.cancel()
            bound = loop.call_at(began + self._longest_seconds(port, is_new=is_new), connection.interrupt)

        try:
            with self.listening(port, leave):
                await connection.more()
                return connection.is_readable
        finally:
            bound.cancel()

    def _longest_seconds(self, port: int, *, is_new: bool) -> float:
        """A new connection that should leave gets a moment for its first request: it was just sent here."""
        if not self.sends_away(port):
            return self._limits.idle_seconds
        return self._limits.leaving_seconds if is_new else 0.0
