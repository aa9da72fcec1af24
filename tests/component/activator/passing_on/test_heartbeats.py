"""Heartbeats: an event stream that begins while its request is still held."""

import asyncio

import httpx
import pytest
from aiohttp import web

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, Serve, ServeRaw
from tests.component.activator.exchanges import raw


async def test_heartbeats_are_only_for_clients_that_accept_event_streams(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"data: hello\n\n"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body)
        writer.close()

    await activator.route_to(heartbeat_seconds=1)
    async with httpx.AsyncClient(timeout=20) as client:
        accept = {"Accept": "text/event-stream"}
        stream = asyncio.create_task(client.get(activator.url, headers=accept))
        plain = asyncio.create_task(client.get(activator.url))
        await activator.until_held(2)
        await clock.jump(1.2)
        await activator.route_to(await serve_raw(replica))
        streamed, answered = await stream, await plain
    assert streamed.text.startswith(": waiting for a replica\n\n")
    assert streamed.text.endswith("data: hello\n\n")
    assert answered.text == "data: hello\n\n"


async def test_a_stream_that_heartbeats_began_is_not_compressed(
    activator: Activator, serve: Serve, clock: LoopClock
) -> None:
    async def stream(request: web.Request) -> web.Response:
        response = web.Response(text="data: hello\n\n", content_type="text/event-stream")
        response.enable_compression()
        return response

    await activator.route_to(heartbeat_seconds=1)
    async with httpx.AsyncClient(timeout=20) as client:
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
        asking = asyncio.create_task(client.get(activator.url, headers=headers))
        await activator.until_held(1)
        await clock.jump(1.2)
        await activator.route_to(await serve(stream))
        text = (await asking).text
    assert text.startswith(": waiting for a replica\n\n")
    assert text.endswith("data: hello\n\n")


async def test_a_heartbeat_stream_that_ends_badly_says_so_in_the_stream(
    activator: Activator, serve: Serve, clock: LoopClock
) -> None:
    async def fail(_: web.Request) -> web.Response:
        return web.json_response({"error": "no such model"}, status=404)

    await activator.route_to(heartbeat_seconds=1)
    async with httpx.AsyncClient(timeout=20) as client:
        stream = asyncio.create_task(client.get(activator.url, headers={"Accept": "text/event-stream"}))
        await activator.until_held(1)
        await clock.jump(1.2)
        await activator.route_to(await serve(fail))
        text = (await stream).text
    assert 'event: error\ndata: {"error": "no such model"}\n\n' in text


@pytest.mark.parametrize("head", [b"HEAD / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n"])
async def test_no_heartbeat_where_an_answer_could_not_follow_it(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock, head: bytes
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HEAD"):
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        writer.close()

    await activator.route_to(heartbeat_seconds=1)
    request = head + b"Host: chat\r\nAccept: text/event-stream\r\nConnection: close, Upgrade\r\n\r\n"
    asking = asyncio.create_task(raw(activator, request))
    await activator.until_held(1)
    await clock.jump(1.2)
    await activator.route_to(await serve_raw(replica))
    assert (await asking).split(b" ")[1] in (b"204", b"101")
