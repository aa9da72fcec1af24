"""What the activator does not hold, does not pass on, and what it says instead."""

import asyncio

import httpx
import pytest

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, ServeRaw, StartActivator
from tests.component.activator.exchanges import raw


async def test_an_early_503_says_when_to_come_back_and_still_counts_as_demand(activator: Activator) -> None:
    await activator.route_to(ready_in_seconds=90.0)
    async with httpx.AsyncClient() as client:
        response = await client.get(activator.url, headers={"Request-Timeout": "20"})
    assert response.status_code == 503
    assert 85 <= int(response.headers["retry-after"]) <= 90
    assert "expected to be ready in" in response.json()["error"]["message"]
    assert (activator.held, activator.report.expected_back) == (0, 1)


async def test_a_caller_of_a_model_that_can_not_start_is_answered_with_the_reason(
    activator: Activator,
) -> None:
    trouble = "pod chat-1: CrashLoopBackOff"
    async with httpx.AsyncClient() as client:
        await activator.route_to(ready_in_seconds=80.0, start_trouble=trouble)
        at_once = await client.get(activator.url, headers={"Request-Timeout": "20"})
        await activator.route_to(ready_in_seconds=0.0, start_trouble=trouble)
        in_the_end = await client.get(activator.url, headers={"Request-Timeout": "0.2"})
    assert (at_once.status_code, in_the_end.status_code) == (503, 503)
    assert 75 <= int(at_once.headers["retry-after"]) <= 80
    assert "The model has failed to start (pod chat-1: CrashLoopBackOff) and" in at_once.text
    assert "being started" not in at_once.text
    assert "since its starts do not succeed (pod chat-1: CrashLoopBackOff). Try" in in_the_end.text


async def test_the_time_limit_is_kept_when_the_start_takes_longer_than_expected(activator: Activator) -> None:
    await activator.route_to(ready_in_seconds=0.0)
    async with httpx.AsyncClient() as client:
        response = await client.get(activator.url, headers={"Request-Timeout": "0.2"})
    assert response.status_code == 503
    assert "within 0 s" in response.json()["error"]["message"]
    assert activator.held == 0


async def test_the_pools_own_bound_refuses_the_next_request(activator: Activator) -> None:
    await activator.route_to(held_requests=2)
    async with httpx.AsyncClient() as client:
        held = [asyncio.create_task(client.get(activator.url)) for _ in range(2)]
        await activator.until_held(2)
        refused = await client.get(activator.url)
        for request in held:
            request.cancel()
        await asyncio.gather(*held, return_exceptions=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "QueueFull")
    await activator.until_held(0)


async def test_one_client_can_not_take_all_places(activator: Activator) -> None:
    await activator.route_to(held_requests=4)
    greedy = [b"GET /%d HTTP/1.1\r\nHost: chat\r\nX-Api-Key: greedy\r\n\r\n" % number for number in range(4)]
    modest = b"GET / HTTP/1.1\r\nHost: chat\r\nX-Api-Key: modest\r\n\r\n"
    asked = []
    for number, request in enumerate(greedy, 1):
        asked.append(asyncio.create_task(raw(activator, request)))
        await activator.until_held(number)
    others = [asyncio.create_task(raw(activator, modest)) for _ in range(2)]
    await activator.until(lambda: sum(task.done() for task in asked) == 2)
    assert [task.done() for task in asked] == [False, False, True, True]
    assert [b"QueueFull" in await task for task in asked[2:]] == [True, True]
    assert b"QueueFull" in await raw(activator, modest)  # now both have as many
    assert not any(task.done() for task in others)
    assert activator.held == 4
    for task in (*asked, *others):
        task.cancel()
    await asyncio.gather(*asked, *others, return_exceptions=True)


async def test_bodies_beyond_the_bound_wait_in_the_client(start_activator: StartActivator) -> None:
    activator = await start_activator(route={"held_bytes": 100_000})
    _, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: 50000000\r\n\r\n")
    writer.write(bytes(50_000_000))
    assert 90_000 <= await activator.until_steady(lambda: activator.shared.budgets.body_bytes.used) <= 100_000
    writer.transport.abort()


async def test_a_hang_up_is_seen_though_the_body_is_not_read(start_activator: StartActivator) -> None:
    activator = await start_activator(route={"held_bytes": 50_000})
    _, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: 100000\r\n\r\n")
    writer.write(bytes(100_000))
    await writer.drain()
    await activator.until(lambda: activator.shared.budgets.body_bytes.used >= 40_000)
    writer.close()
    hang_ups = asyncio.create_task(activator.shared.hang_ups.run())
    await activator.until_held(0)
    assert activator.shared.budgets.body_bytes.used == 0
    hang_ups.cancel()


SMUGGLING = {
    "both lengths": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
    "two different lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a list of lengths": b"Content-Length: 5, 6\r\n\r\nhello!",
    "a signed length": b"Content-Length: +5\r\n\r\nhello",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an obscured coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, then identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 5\r\n\r\nhello",
    "a line break in a name": b"X\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a null in a value": b"X-A: a\0b\r\n\r\n",
    "a bare carriage return": b"X-A: a\rTransfer-Encoding: chunked\r\n\r\n",
    "two hosts": b"Host: other\r\n\r\n",
    "a negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    "a chunk size of hex dirt": b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("rest", SMUGGLING.values(), ids=SMUGGLING.keys())
async def test_a_request_that_can_be_read_in_two_ways_reaches_no_replica_whole(
    activator: Activator, serve_raw: ServeRaw, rest: bytes
) -> None:
    received = bytearray()

    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            received.extend(data)
        writer.close()

    await activator.route_to(await serve_raw(replica))
    answer = await raw(activator, b"POST / HTTP/1.1\r\nHost: chat\r\n" + rest)
    assert answer.split(b" ")[1] in (b"400", b"501")
    assert answer.count(b"HTTP/1.1") == 1
    assert received == b""


async def test_two_requests_in_one_packet_are_two_requests(activator: Activator, serve_raw: ServeRaw) -> None:
    heads: list[bytes] = []

    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    await activator.route_to(await serve_raw(replica))
    first = b"POST /a HTTP/1.1\r\nHost: chat\r\nContent-Length: 0\r\n\r\n"
    second = b"GET /b HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n"
    answer = await raw(activator, first + second)
    assert [head.split(b" ")[1] for head in heads] == [b"/a", b"/b"]
    assert answer.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    "target", [b"http://169.254.169.254/latest/meta-data", b"http://10.0.0.1:6443/api", b"https://other:1/"]
)
async def test_neither_host_nor_absolute_target_chooses_where_a_request_goes(
    activator: Activator, serve_raw: ServeRaw, target: bytes
) -> None:
    heads: list[bytes] = []

    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    await activator.route_to(await serve_raw(replica))
    answer = await raw(activator, b"GET " + target + b" HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert heads[0].startswith(b"GET /")


async def test_a_client_that_speaks_tls_is_answered_at_once(activator: Activator) -> None:
    assert (await raw(activator, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")).startswith(b"HTTP/1.1 400")


async def test_a_refused_head_request_gets_the_headers_and_no_body(activator: Activator) -> None:
    await activator.route_to(ready_in_seconds=90.0)
    answer = await raw(activator, b"HEAD / HTTP/1.1\r\nHost: chat\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.endswith(b"\r\n\r\n")


async def test_a_request_that_offers_an_upgrade_keeps_its_body(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    received = bytearray()

    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readuntil(b"hello"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    await activator.route_to(await serve_raw(replica))
    offer = b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n"  # as Java's client sends it
    head = b"POST / HTTP/1.1\r\nHost: chat\r\n" + offer + b"Content-Length: 5\r\n\r\n"
    answer = await raw(activator, head + b"hello")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"upgrade" not in received.lower()


async def test_a_target_that_can_not_be_passed_on_starts_no_model(activator: Activator) -> None:
    answer = await raw(activator, b"GET ftp://chat/ HTTP/1.1\r\nHost: chat\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert activator.report.arrived == 0


async def test_connect_is_no_way_through(activator: Activator) -> None:
    answer = await raw(activator, b"CONNECT 10.0.0.1:6443 HTTP/1.1\r\nHost: 10.0.0.1:6443\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501")


async def test_a_client_that_dribbles_its_head_is_cut_off(
    start_activator: StartActivator, clock: LoopClock
) -> None:
    activator = await start_activator(head_seconds=10.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"GET / HTTP/1.1\r\n")
    for _ in range(12):
        await clock.jump(1.0)
        writer.write(b"X-A: b\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_connection_that_says_nothing_is_closed(start_activator: StartActivator) -> None:
    activator = await start_activator(idle_seconds=0.2)
    assert await raw(activator, b"") == b""
    assert await raw(activator, b"PRI * HT") == b""


async def test_connections_beyond_the_bound_are_closed_at_once(start_activator: StartActivator) -> None:
    activator = await start_activator(connections=1)
    _, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await activator.until_held(1)
    reader, second = await asyncio.open_connection("127.0.0.1", activator.port)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    second.close()
    writer.close()


async def test_credentials_and_queries_stay_out_of_the_log(
    activator: Activator, serve_raw: ServeRaw, caplog: pytest.LogCaptureFixture
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    await activator.route_to(await serve_raw(replica))
    caplog.set_level("INFO")
    async with httpx.AsyncClient() as client:
        headers = {"Authorization": "Bearer secret-key"}
        await client.post(f"{activator.url}/v1/chat?key=secret-key", headers=headers, content="secret-body")
    ours = [record for record in caplog.records if record.name.startswith("poolkeeper")]
    lines = [f"{record.getMessage()} {vars(record)}" for record in ours]
    assert any("/v1/chat" in line for line in lines)
    assert not any("secret" in line for line in lines)
