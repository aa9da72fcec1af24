"""Connections that have nothing more to do at an activator go: when the pods answer, and when it stops."""

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import grpc.aio
import pytest

from hack.testing.clocks import LoopClock
from poolkeeper.activator.http2 import frames as h2_frames
from poolkeeper.activator.http2.frames import END_HEADERS, END_STREAM, FrameType
from poolkeeper.activator.net.connection import Connection
from poolkeeper.api.activation import Replica
from tests.component.activator.data_path import LOOPBACK, Activator, ServeRaw, StartActivator
from tests.component.activator.exchanges import answer_ok, raw
from tests.component.activator.process import TOKEN, ActivatorProcess, put

KEPT = b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n"
HELLO = h2_frames.PREFACE + h2_frames.frame(FrameType.SETTINGS)


def call(stream: int) -> bytes:
    """A request on this stream."""
    return h2_frames.frame(FrameType.HEADERS, flags=END_STREAM | END_HEADERS, stream=stream, payload=b"\x82")


def frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, stream and payload of each whole frame."""
    while len(data) >= h2_frames.HEADER_BYTES:
        length = int.from_bytes(data[:3], "big")
        kind, _, stream = struct.unpack_from(">BBI", data, 3)
        end = h2_frames.HEADER_BYTES + length
        yield kind, stream, data[h2_frames.HEADER_BYTES : end]
        data = data[end:]


def last_streams(data: bytes) -> list[int]:
    """What each GOAWAY says."""
    return [
        struct.unpack(">I", payload[:4])[0] for kind, _, payload in frames(data) if kind == FrameType.GOAWAY
    ]


async def until_refused(port: int) -> None:
    """Wait until nothing listens at a port any more."""
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue  # it came to a socket that was just being closed
            writer.close()


async def warm_kept_connection(activator: Activator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has had an answer and is kept open."""
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    writer.write(KEPT)
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    return reader, writer


async def test_kept_connections_are_closed_when_the_pods_answer_themselves(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    address = await serve_raw(answer_ok)
    await activator.route_to(address)
    used, first = await warm_kept_connection(activator)
    unused, second = await asyncio.open_connection(LOOPBACK, activator.port)
    await activator.until_connected(2)
    await activator.route_to(address, redirects_to_pods=True)
    async with asyncio.timeout(2):
        assert await used.read() == b""
        assert await unused.read() == b""
    first.close()
    second.close()


async def test_a_connection_that_comes_late_may_ask_once_and_not_wait(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to(await serve_raw(answer_ok), redirects_to_pods=True)
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    await activator.until_connected(1)
    await clock.jump(0.9 * activator.shared.limits.leaving_seconds)
    writer.write(KEPT)
    async with asyncio.timeout(2):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    silent = asyncio.create_task(raw(activator, b""))
    await activator.until_connected(1)
    await clock.jump(1.1 * activator.shared.limits.leaving_seconds)
    async with asyncio.timeout(3):
        assert await silent == b""
    writer.close()


@pytest.mark.parametrize("leaves_already", [False, True])
async def test_a_new_connection_has_its_moment_though_tables_go_on_saying_that_it_is_to_go(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock, leaves_already: bool
) -> None:
    address = await serve_raw(answer_ok)
    await activator.route_to(address, redirects_to_pods=leaves_already)
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    await activator.until_connected(1)
    for _ in range(3):
        await clock.jump(0.2 * activator.shared.limits.leaving_seconds)
        await activator.route_to(address, redirects_to_pods=True)
    await clock.jump(0.2 * activator.shared.limits.leaving_seconds)
    writer.write(KEPT)
    async with asyncio.timeout(2):
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_an_answer_that_began_before_is_finished_and_its_connection_then_closed(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    finish = asyncio.Event()

    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        await finish.wait()
        writer.write(b"-last")
        writer.close()

    address = await serve_raw(streams)
    await activator.route_to(address)
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    writer.write(KEPT)
    await reader.readuntil(b"first")
    await activator.route_to(address, redirects_to_pods=True)
    finish.set()
    async with asyncio.timeout(2):
        assert await reader.read() == b"-last"
    writer.close()


class Injecting:
    """A transport at whose other end the client opens a call in the very moment of each GOAWAY."""

    def __init__(self, connection: Connection, transport: asyncio.BaseTransport) -> None:
        self._connection, self._transport = connection, transport
        self._next_stream = 3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """asyncio: send."""
        self._transport.write(data)  # type: ignore[attr-defined]
        if data[3:4] == bytes([FrameType.GOAWAY]):
            opening = call(self._next_stream)
            self._connection.get_buffer(-1)[: len(opening)] = opening
            self._connection.buffer_updated(len(opening))
            self._next_stream += 2


class InjectedConnection(Connection):
    """A connection with such a client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, Injecting(self, transport))


async def test_no_call_reaches_the_replica_that_a_goaway_says_was_not_processed(
    start_activator: StartActivator,
) -> None:
    activator = await start_activator(leaving_seconds=0.2, make_connection=InjectedConnection)
    seen: list[int] = []

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(h2_frames.PREFACE))
        while received := await reader.read(65_536):
            for kind, stream, _ in frames(received):
                if kind == FrameType.HEADERS:
                    seen.append(stream)
                    writer.write(h2_frames.frame(FrameType.DATA, flags=END_STREAM, stream=stream))
        writer.close()

    replica = await asyncio.start_server(answers, LOOPBACK, activator.backend_port)
    await activator.route_to(LOOPBACK)
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    writer.write(HELLO + call(1))
    await activator.until(lambda: bool(seen) and activator.report.in_flight == 0)
    await activator.route_to(LOOPBACK, redirects_to_pods=True)
    async with asyncio.timeout(10):
        announced = last_streams(await reader.read())
    assert (announced, seen) == ([h2_frames.MOST_STREAM, 3], [1, 3])
    writer.close()
    replica.close()


async def test_an_answer_is_not_cut_off_within_its_last_frame(
    start_activator: StartActivator, clock: LoopClock
) -> None:
    activator = await start_activator(leaving_seconds=0.0)
    last = h2_frames.frame(FrameType.DATA, flags=END_STREAM, stream=1, payload=b"x" * 1000)
    finish = asyncio.Event()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(HELLO))
        writer.write(last[:500])
        await finish.wait()
        writer.write(last[500:])
        await reader.read()
        writer.close()

    replica = await asyncio.start_server(answers, LOOPBACK, activator.backend_port)
    await activator.route_to(LOOPBACK)
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    writer.write(HELLO + call(1))
    received = await reader.readuntil(b"x" * 400)
    await activator.route_to(LOOPBACK, redirects_to_pods=True)
    await clock.jump(5)
    finish.set()
    async with asyncio.timeout(5):
        received += await reader.read()
    assert received.count(b"x") == 1000
    assert last_streams(received)[-1] == 1
    writer.close()
    replica.close()


async def test_a_goaway_is_not_destroyed_by_a_reset(start_activator: StartActivator) -> None:
    """The client has sent more than was read when its call is refused."""
    activator = await start_activator(linger_seconds=5.0)
    await activator.route_to(hold_seconds=1)
    reader, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    opening = h2_frames.frame(FrameType.HEADERS, flags=END_HEADERS, stream=1, payload=b"\x82")
    body = h2_frames.frame(FrameType.DATA, stream=1, payload=bytes(1_000_000))
    writer.write(HELLO + opening + body)
    async with asyncio.timeout(5):
        received = await reader.read()
    assert last_streams(received) == [0]
    writer.close()


async def test_a_client_that_says_nothing_after_the_preface_is_sent_away(
    start_activator: StartActivator,
) -> None:
    activator = await start_activator(idle_seconds=0.2)
    assert last_streams(await raw(activator, HELLO)) == [0]
    assert activator.report.arrived == 0


async def test_a_channel_without_a_call_is_told_to_go_when_the_pods_answer(activator: Activator) -> None:
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{activator.port}") as channel:
        async with asyncio.timeout(10):
            while channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
                await channel.wait_for_state_change(channel.get_state())
        await activator.route_to(redirects_to_pods=True)
        async with asyncio.timeout(5):
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_told_to_stop_it_first_lets_nobody_in_and_then_waits(tmp_path: Path) -> None:
    """An answer is under way, a kept connection is idle, a head is half sent."""
    finish, executed = asyncio.Event(), []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        executed.append(await reader.readuntil(b"\r\n\r\n"))
        if len(executed) > 1:
            await finish.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    replica = await asyncio.start_server(slow, LOOPBACK, 0)
    token_file = tmp_path / "token"
    token_file.write_text("right\n")
    process = ActivatorProcess(token_file)
    process.backend = replica.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(headers=TOKEN) as client:
        await process.until_up(client)
        assert await put(client, process, process.table(1, Replica(address=LOOPBACK, slots=10))) == 204
    kept, kept_writer = await asyncio.open_connection(LOOPBACK, process.data)
    kept_writer.write(KEPT)
    await kept.readuntil(b"ok")
    busy, busy_writer = await asyncio.open_connection(LOOPBACK, process.data)
    busy_writer.write(KEPT)
    half, half_writer = await asyncio.open_connection(LOOPBACK, process.data)
    half_writer.write(KEPT[:10])
    async with aiohttp.ClientSession() as client:
        await process.until_metrics_say(client, "poolkeeper_activator_connections 3.0")

    process.stop.set()
    async with asyncio.timeout(1):
        assert await kept.read() == b""
    await until_refused(process.data)
    half_writer.write(KEPT[10:])
    async with asyncio.timeout(1):
        refused = await half.read()
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"Stopping" in refused
    assert b"Retry-After: " in refused
    assert not process.task.done()
    finish.set()
    assert (await busy.read()).endswith(b"ok")
    await process.task
    assert len(executed) == 2
    replica.close()
    for writer in (kept_writer, busy_writer, half_writer):
        writer.close()
