"""HTTP/2 without TLS: the connection is held and spliced to one replica; gRPC's clients and servers agree."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import httpx
import pytest_asyncio

from poolkeeper.activator.http2 import frames as h2_frames
from poolkeeper.activator.http2.frames import END_HEADERS, END_STREAM, FrameType
from tests.component.activator.data_path import Activator, ServeRaw

UNARY, STREAM = "/model/Echo", "/model/Count"


async def echo(request: bytes, _: object) -> bytes:
    """Says what came."""
    return request


async def count(request: bytes, _: object) -> AsyncIterator[bytes]:
    """As many messages as were asked for."""
    for number in range(int(request)):
        yield str(number).encode()


class Model(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A gRPC service of raw bytes."""

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """grpc: the handler of a method."""
        if call.method == UNARY:
            return grpc.unary_unary_rpc_method_handler(echo)
        return grpc.unary_stream_rpc_method_handler(count)


@pytest_asyncio.fixture
async def replica(activator: Activator) -> AsyncIterator[str]:
    """A gRPC server on the pool's backend port."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Model(),))
    server.add_insecure_port(f"127.0.0.1:{activator.backend_port}")
    await server.start()
    yield "127.0.0.1"
    await server.stop(None)


@pytest_asyncio.fixture
async def channel(activator: Activator) -> AsyncIterator[grpc.aio.Channel]:
    """A gRPC channel to the activator."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{activator.port}") as channel:
        yield channel


async def test_a_grpc_call_is_held_and_answered(
    activator: Activator, replica: str, channel: grpc.aio.Channel
) -> None:
    calling = asyncio.ensure_future(channel.unary_unary(UNARY)(b"hello"))
    await activator.until_held(1)
    await activator.route_to(replica)
    assert await calling == b"hello"
    assert activator.metric("cold_start_seconds_count") == 1
    await activator.until(lambda: activator.report.in_flight == 0)
    assert await channel.unary_unary(UNARY)(b"again") == b"again"


async def test_a_grpc_stream_arrives_whole(
    activator: Activator, replica: str, channel: grpc.aio.Channel
) -> None:
    await activator.route_to(replica)
    numbers = [int(message) async for message in channel.unary_stream(STREAM)(b"5000")]
    assert numbers == list(range(5000))


async def test_a_channel_without_a_call_wakes_no_model(
    activator: Activator, channel: grpc.aio.Channel
) -> None:
    channel.get_state(try_to_connect=True)
    await channel.wait_for_state_change(grpc.ChannelConnectivity.IDLE)
    async with asyncio.timeout(10):
        while channel.get_state() is not grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(channel.get_state())
    assert (activator.held, activator.report.arrived) == (0, 0)


async def test_a_call_that_can_not_be_held_is_unavailable(
    activator: Activator, channel: grpc.aio.Channel
) -> None:
    await activator.route_to(hold_seconds=1)
    try:
        await channel.unary_unary(UNARY)(b"hello", timeout=10)
        code = grpc.StatusCode.OK
    except grpc.aio.AioRpcError as error:
        code = error.code()
    assert code is grpc.StatusCode.UNAVAILABLE


async def test_an_idle_channel_is_told_to_connect_anew_when_we_leave_the_path(
    activator: Activator, replica: str, channel: grpc.aio.Channel
) -> None:
    await activator.route_to(replica)
    assert await channel.unary_unary(UNARY)(b"hello") == b"hello"
    await activator.route_to(replica, redirects_to_pods=True)
    async with asyncio.timeout(10):
        await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_a_connection_whose_call_was_cancelled_while_it_was_held_takes_no_slot(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    _, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    call = h2_frames.frame(FrameType.HEADERS, flags=END_HEADERS | END_STREAM, stream=1, payload=b"\x82")
    writer.write(h2_frames.PREFACE + h2_frames.frame(FrameType.SETTINGS) + call)
    await activator.until_held(1)
    before = await activator.until_steady(lambda: activator.shared.budgets.bytes)
    writer.write(h2_frames.frame(FrameType.RST_STREAM, stream=1, payload=bytes(4)))
    await activator.until(lambda: activator.shared.budgets.bytes > before)
    await activator.route_to(await serve_raw(listens), slots=1)
    await activator.until(lambda: activator.metric("released_requests_total") == 1)
    await activator.until(lambda: activator.report.in_flight == 0, seconds=3)
    writer.close()


async def test_httpx_with_prior_knowledge(activator: Activator, replica: str) -> None:
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        asking = asyncio.create_task(
            client.post(
                f"{activator.url}{UNARY}",
                content=b"\0\0\0\0\2ok",
                headers={"content-type": "application/grpc", "te": "trailers"},
            )
        )
        await activator.until_held(1)
        await activator.route_to(replica)
        response = await asking
    assert (response.http_version, response.content) == ("HTTP/2", b"\0\0\0\0\2ok")


async def test_a_replica_that_breaks_off_ends_the_connection(
    activator: Activator, serve_raw: ServeRaw, channel: grpc.aio.Channel
) -> None:
    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.transport.abort()

    await activator.route_to(await serve_raw(dies), hold_seconds=2)
    try:
        await channel.unary_unary(UNARY)(b"hello", timeout=5)
        code = grpc.StatusCode.OK
    except grpc.aio.AioRpcError as error:
        code = error.code()
    assert code is not grpc.StatusCode.OK
