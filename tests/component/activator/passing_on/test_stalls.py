"""Ends that neither read nor leave: they keep no replica, and a node that is gone is noticed."""

import asyncio
import contextlib
import socket
from typing import cast

from hack.testing.clocks import LoopClock
from hack.testing.waiting import eventually
from poolkeeper.activator.net.connection import Connection, connect
from tests.component.activator.data_path import LOOPBACK, Activator, StartActivator
from tests.component.activator.exchanges import GET

CHUNK = bytes(65_536)
CHUNKS = 256


async def answer_at_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer that no socket's buffers can take whole."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (CHUNKS * len(CHUNK)))
    with contextlib.suppress(ConnectionError):
        for _ in range(CHUNKS):
            writer.write(CHUNK)
            await writer.drain()
    writer.close()


async def ask_without_reading(activator: Activator) -> socket.socket:
    """A client with a small buffer that has asked."""
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    await asyncio.get_running_loop().sock_connect(client, (LOOPBACK, activator.port))
    await asyncio.get_running_loop().sock_sendall(client, GET)
    return client


async def test_a_client_that_stops_reading_gives_the_replica_back(start_activator: StartActivator) -> None:
    activator = await start_activator(stall_seconds=0.3)
    replica = await asyncio.start_server(answer_at_length, LOOPBACK, activator.backend_port)
    await activator.route_to(LOOPBACK, slots=1)
    client = await ask_without_reading(activator)
    await activator.until(lambda: activator.report.in_flight == 1)
    await activator.until(lambda: activator.report.in_flight == 0, seconds=5)
    assert activator.report.completed == 0
    await activator.until(lambda: activator.metric("abandoned_requests_total") == 1)
    assert activator.metric("refused_requests_total", cause="ConnectionLost") is None
    client.close()
    replica.close()


class Slow:
    """A transport whose other end takes one byte every now and then."""

    def __init__(self) -> None:
        self.waiting = 100_000

    def get_write_buffer_size(self) -> int:
        """asyncio: what waits to be sent."""
        return self.waiting

    def abort(self) -> None:
        """asyncio: cut off."""
        raise AssertionError

    def is_closing(self) -> bool:
        """asyncio: whether it is being closed."""
        return True


async def test_a_client_that_reads_slowly_is_waited_for(clock: LoopClock) -> None:
    connection = Connection(stall_seconds=10.0)
    slow = Slow()
    connection.transport = cast(asyncio.Transport, slow)
    connection.pause_writing()
    writing = asyncio.create_task(connection.drain())
    for _ in range(10):
        await clock.jump(6.0)
        slow.waiting -= 1
    assert not writing.done()
    connection.resume_writing()
    await writing


async def test_what_is_left_to_send_at_the_end_keeps_no_connection_for_ever(
    start_activator: StartActivator,
) -> None:
    """The last part of an answer waits in our own buffer, below what makes a writer wait."""
    opened: list[Connection] = []

    class SmallBuffers(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            opened.append(self)
            super().connection_made(transport)

    activator = await start_activator(stall_seconds=0.3, make_connection=SmallBuffers)

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + bytes(50_000))
        writer.close()

    replica = await asyncio.start_server(answers, LOOPBACK, activator.backend_port)
    await activator.route_to(LOOPBACK)
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(client, (LOOPBACK, activator.port))
    await asyncio.get_running_loop().sock_sendall(client, GET)
    await activator.until(lambda: activator.report.completed == 1, seconds=5)
    assert opened[0].transport.get_write_buffer_size() > 0
    await activator.until(lambda: not activator.server._sessions, seconds=5)
    assert opened[0].transport.get_write_buffer_size() == 0
    client.close()
    replica.close()


async def test_both_ends_notice_a_dead_node_within_half_a_minute() -> None:
    accepted: list[Connection] = []
    server = await asyncio.get_running_loop().create_server(lambda: Connection(accepted.append), LOOPBACK, 0)
    ours = await connect(LOOPBACK, server.sockets[0].getsockname()[1], 1.0)
    await eventually(lambda: bool(accepted), "the server has the connection")
    for connection in (ours, accepted[0]):
        raw = connection.transport.get_extra_info("socket")
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, count = (
            raw.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count <= 30
        connection.abort()
    server.close()
