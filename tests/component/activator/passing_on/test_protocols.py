"""What clients and replicas say to each other survives the activator between them."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import aiohttp
import httpx
import openai
import pytest
from aiohttp import web

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, Serve, ServeRaw
from tests.component.activator.exchanges import GET, curl, raw

MIB = 1024 * 1024


async def test_openai_client_streams_through_a_cold_start(activator: Activator, serve: Serve) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        assert (await request.json())["stream"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for token in ("Hello", " world"):
            chunk = (
                '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
            )
            chunk += f'"delta":{{"content":"{token}"}}}}]}}'
            await response.write(f"data: {chunk}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    client = openai.AsyncOpenAI(base_url=f"{activator.url}/v1", api_key="k", max_retries=0)
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    waiting = asyncio.ensure_future(stream)
    await activator.until_held(1)
    await activator.route_to(await serve(complete))
    tokens = [chunk.choices[0].delta.content async for chunk in await waiting]
    await client.close()
    assert tokens == ["Hello", " world"]


async def test_tokens_arrive_as_they_are_made(activator: Activator, serve: Serve) -> None:
    proceed = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await proceed.wait()
        await response.write(b"second")
        return response

    await activator.route_to(await serve(stream))
    async with httpx.AsyncClient() as client, client.stream("GET", activator.url) as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"first"
        proceed.set()
        assert await anext(chunks) == b"second"


@pytest.mark.parametrize("size", [0, 1, 100_000, 5 * MIB])
async def test_uploads_of_every_size_arrive_whole(activator: Activator, serve: Serve, size: int) -> None:
    async def count(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 70_000):
            yield body[start : start + 70_000]

    async with httpx.AsyncClient() as client:
        whole = asyncio.create_task(client.post(activator.url, content=body))
        chunked = asyncio.create_task(client.post(activator.url, content=chunks()))
        await activator.until_held(2)
        await activator.route_to(await serve(count))
        assert (await whole).content == body
        assert (await chunked).content == body
    assert activator.shared.budgets.body_bytes.used == 0


async def test_websocket(activator: Activator, serve: Serve) -> None:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("welcome")
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    async with aiohttp.ClientSession() as client:
        opening = asyncio.create_task(client.ws_connect(activator.url).__aenter__())
        await activator.until_held(1)
        await activator.route_to(await serve(talk))
        socket = await opening
        assert (await socket.receive()).data == "welcome"
        await socket.send_str("hello")
        assert (await socket.receive()).data == "HELLO"
        assert activator.report.in_flight == 1
        await socket.close()
    await activator.until(lambda: activator.report.in_flight == 0)


async def test_what_follows_a_websocket_is_not_read_as_http(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await reader.readuntil(b"bye")
        raw_socket = writer.get_extra_info("socket")
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()  # with a reset

    await activator.route_to(await serve_raw(replica))
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"bye")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.write(b"a frame for no one")
    await activator.until(lambda: activator.report.in_flight == 0)
    writer.write(GET)
    await activator.until_connected(0)
    assert activator.report.arrived == 1
    writer.close()


async def test_curl_sends_its_body_after_100_continue(activator: Activator, serve: Serve) -> None:
    async def count(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.headers['Expect']} {len(await request.read())}")

    await activator.route_to(await serve(count))
    command = ("--header", "Expect: 100-continue", "--data-binary", "x" * 3000, activator.url)
    assert await curl("--expect100-timeout", "15", *command) == "100-continue 3000"


async def test_a_body_held_back_for_100_continue_does_not_hold_up_the_wait(
    activator: Activator, serve: Serve
) -> None:
    async def count(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    command = ("--header", "Expect: 100-continue", "--data-binary", "x" * 3000, activator.url)
    asking = asyncio.create_task(curl("--expect100-timeout", "15", *command))
    await activator.until_held(1)
    await activator.route_to(await serve(count))
    assert await asking == "3000"


async def test_a_client_that_was_asked_for_its_body_must_send_it(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        received.set()
        await asked.wait()
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    received, asked = asyncio.Event(), asyncio.Event()
    await activator.route_to(await serve_raw(replica))
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    await activator.until(lambda: activator.report.in_flight == 1)
    # In flight is a request whose replica has accepted the connection: its head may still be on its way.
    await received.wait()
    await clock.jump(activator.shared.limits.body_seconds + 1)
    asked.set()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    await clock.jump(activator.shared.limits.body_seconds + 1)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert activator.report.in_flight == 0


async def test_head_answers_keep_their_length_and_have_no_body(activator: Activator, serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="0123456789")

    await activator.route_to(await serve(answer))
    async with httpx.AsyncClient() as client:
        response = await client.head(activator.url)
    assert (response.headers["content-length"], response.content) == ("10", b"")


async def test_trailers_pass_both_ways(activator: Activator, serve_raw: ServeRaw) -> None:
    seen = bytearray()

    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"X-Sum: 7\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Tokens\r\n\r\n")
        writer.write(b"2\r\nok\r\n0\r\nX-Tokens: 12\r\nContent-Length: 3\r\n\r\n")
        writer.close()

    await activator.route_to(await serve_raw(replica))
    request = (
        b"POST / HTTP/1.1\r\nHost: chat\r\nTE: trailers\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"Trailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"
    )
    answer = await raw(activator, request)
    assert b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n" in seen
    assert answer.endswith(b"2\r\nok\r\n0\r\nX-Tokens: 12\r\n\r\n")


async def test_hop_by_hop_headers_end_here(activator: Activator, serve: Serve) -> None:
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update({name.lower(): value for name, value in request.headers.items()})
        headers = {"Keep-Alive": "timeout=5", "X-Secret-Hop": "1", "X-Kept": "1"}
        return web.Response(text="ok", headers=headers | {"Connection": "X-Secret-Hop"})

    await activator.route_to(await serve(answer))
    sent = {
        "Connection": "keep-alive, X-Mine",
        "X-Mine": "1",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic eDp5",
        "X-Forwarded-For": "192.0.2.7",
        "X-Other": "2",
    }
    async with httpx.AsyncClient() as client:
        response = await client.get(activator.url, headers=sent)
    assert not {"x-mine", "keep-alive", "proxy-authorization"} & seen.keys()
    assert seen["x-other"] == "2"
    assert seen["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert response.headers["x-kept"] == "1"
    assert not {"x-secret-hop", "keep-alive"} & set(response.headers)


async def test_large_headers_pass_and_larger_ones_are_refused(activator: Activator, serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok", headers={"X-Large": "y" * 7000})

    await activator.route_to(await serve(answer))
    async with httpx.AsyncClient() as client:
        passed = await client.get(activator.url, headers={"X-Large": "x" * 8000})
        refused = await client.get(activator.url, headers={"X-Large": "x" * 80_000})
        many = await client.get(activator.url, headers=[(f"X-{number}", "1") for number in range(300)])
    assert (passed.status_code, passed.headers["x-large"]) == (200, "y" * 7000)
    assert (refused.status_code, many.status_code) == (431, 431)


async def test_a_kept_connection_serves_many_requests_and_closes_when_leaving_the_path(
    activator: Activator, serve: Serve
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    address = await serve(answer)
    await activator.route_to(address)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as client:
        for _ in range(3):
            async with client.get(activator.url) as response:
                assert "Connection" not in response.headers
                await response.read()
        await activator.route_to(address, redirects_to_pods=True)
        async with client.get(activator.url) as response:
            assert response.headers["Connection"] == "close"


async def test_http_1_0_gets_an_answer_that_ends_with_the_connection(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        writer.close()

    await activator.route_to(await serve_raw(replica))
    answer = await raw(activator, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\nok")
