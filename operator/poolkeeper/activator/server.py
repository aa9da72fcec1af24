"""Listens on one port per Service port and serves every connection by the protocol that it begins with."""

import asyncio
import logging
import socket
from collections.abc import Callable

from poolkeeper.activator.http1.session import Session
from poolkeeper.activator.http2.frames import PREFACE
from poolkeeper.activator.http2.session import H2Session
from poolkeeper.activator.net.connection import HELD_BYTES, Connection
from poolkeeper.activator.net.refusals import Refused
from poolkeeper.activator.routing.shared import Shared

logger = logging.getLogger(__name__)

BACKLOG = 4096
LAST_WORDS_SECONDS = 1.0


class Server:
    """Accepts clients' connections and closes them."""

    def __init__(
        self,
        shared: Shared,
        host: str | None = None,
        make_connection: Callable[..., Connection] = Connection,
    ) -> None:
        self._shared = shared
        self._make_connection = make_connection
        self._pools = shared.pools
        self._host = host
        self._listeners: dict[int, asyncio.Server] = {}
        self._sessions: set[asyncio.Task[None]] = set()
        self._binding = asyncio.Lock()
        self._takes_new = True
        self.unbound_ports: tuple[int, ...] = ()
        shared.pools.on_ports_gone = self._close_unwanted

    async def listen(self) -> None:
        """Listen on the ports of the current table, and on no others."""
        async with self._binding:  # two tables at once would each bind the same new port, and one would fail
            self._close_unwanted()
            wanted = sorted(self._wanted)
            self.unbound_ports = tuple([port for port in wanted if not await self._listens_on(port)])

    def stop_listening(self) -> None:
        """Accept no new connection, also after further tables."""
        self._takes_new = False
        self._close_unwanted()

    async def until_quiet(self) -> None:
        """Wait until every connection is closed and every answer has gone out."""
        while self._sessions:
            await asyncio.wait(set(self._sessions))

    async def close(self) -> None:
        """Stop listening and close all connections."""
        self.stop_listening()
        sessions = set(self._sessions)
        if sessions:
            await asyncio.wait(sessions, timeout=LAST_WORDS_SECONDS)
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    @property
    def _wanted(self) -> frozenset[int]:
        return self._pools.ports if self._takes_new else frozenset()

    def _close_unwanted(self) -> None:
        for port in self._listeners.keys() - self._wanted:
            self._listeners.pop(port).close()

    async def _listens_on(self, port: int) -> bool:
        if port in self._listeners:
            return True
        try:
            self._listeners[port] = await asyncio.get_running_loop().create_server(
                self._connection, sock=_bound_socket(self._host, port), backlog=BACKLOG
            )
        except OSError as error:
            logger.error("cannot listen on port %d: %s", port, error)
            return False
        return True

    def _connection(self) -> Connection:
        limits = self._shared.limits
        return self._make_connection(self._opened, stall_seconds=limits.stall_seconds, most_read=HELD_BYTES)

    def _opened(self, connection: Connection) -> None:
        if len(self._sessions) >= self._shared.limits.connections:
            connection.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._sessions.add(task)
        self._shared.metrics.connections.set(len(self._sessions))
        task.add_done_callback(self._closed)

    async def _serve(self, connection: Connection) -> None:
        limits = self._shared.limits
        try:
            if not await self._pools.idling.request_comes(connection, is_new=True):
                connection.transport.close()
                return
            async with asyncio.timeout(min(limits.idle_seconds, limits.head_seconds)):
                is_http_2 = await _begins_http_2(connection)
            if is_http_2:
                gate = self._pools.gate_at(connection.local_port)
                connection.take(len(PREFACE))
                await H2Session(self._shared, gate, connection).serve()
            else:
                await Session(self._shared, connection).serve()
        except TimeoutError:
            connection.transport.close()
        except Refused as refused:
            logger.info("refused a connection on port %d: %s", connection.local_port, refused.message)
        except Exception:
            logger.exception("a connection on port %d failed", connection.local_port)
        finally:
            if not connection.transport.is_closing():
                connection.abort()

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._sessions.discard(task)
        self._shared.metrics.connections.set(len(self._sessions))


async def _begins_http_2(connection: Connection) -> bool:
    """Whether the first bytes are HTTP/2's preface; they stay in `received`."""
    received = connection.received
    while len(received) < len(PREFACE) and PREFACE.startswith(received) and not connection.ended:
        await connection.more()
    return received.startswith(PREFACE)


def _bound_socket(host: str | None, port: int) -> socket.socket:
    """A listening socket for IPv4, and for IPv6 if the machine has it."""
    if host is None and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    return socket.create_server((host or "", port), backlog=BACKLOG)
