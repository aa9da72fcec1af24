"""Replicas that refuse, die or answer nonsense: nothing is lost silently, nothing is executed twice."""

import asyncio
import contextlib

import httpx
import pytest

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, Serve, ServeRaw
from tests.component.activator.exchanges import GET, answer_ok, raw


async def test_a_replica_that_does_not_listen_yet_is_passed_over(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    await activator.route_to("127.0.0.9", await serve_raw(answer_ok, "127.0.0.2"), slots=1)
    for _ in range(5):
        assert (await raw(activator, GET)).endswith(b"ok")
    assert activator.report.completed == 5


async def test_the_only_replica_is_tried_again_until_it_listens(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to("127.0.0.2")
    asking = asyncio.create_task(raw(activator, GET))
    for _ in range(5):
        await clock.jump(2 * activator.shared.limits.refused_pause_seconds)
    assert not asking.done()
    await serve_raw(answer_ok, "127.0.0.2")
    assert (await asking).endswith(b"ok")


async def test_a_replica_that_never_listens_ends_in_an_answer(activator: Activator) -> None:
    await activator.route_to("127.0.0.9", hold_seconds=1)
    answer = await raw(activator, GET)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Retry-After" in answer


async def test_a_request_whose_bytes_went_out_is_never_sent_again(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    executed: list[str] = []

    def dies(address: str):  # type: ignore[no-untyped-def]
        async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            executed.append(address)
            writer.transport.abort()

        return replica

    addresses = [await serve_raw(dies(address), address) for address in ("127.0.0.2", "127.0.0.3")]
    await activator.route_to(*addresses)
    answer = await raw(activator, GET)
    assert answer.startswith(b"HTTP/1.1 502")
    assert b"ConnectionLost" in answer
    assert len(executed) == 1


async def test_an_answer_that_breaks_off_is_broken_off_for_the_client_too(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()
        writer.close()

    await activator.route_to(await serve_raw(replica))
    async with httpx.AsyncClient() as client:
        try:
            await client.get(activator.url)
            whole = True
        except httpx.HTTPError:
            whole = False
    assert not whole


async def test_an_answer_that_is_no_http_becomes_a_502(activator: Activator, serve_raw: ServeRaw) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    await activator.route_to(await serve_raw(replica))
    assert (await raw(activator, GET)).startswith(b"HTTP/1.1 502")


UNREADABLE = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a coding that is unknown here": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "a null in a header": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "no status": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
    "a switch that nobody asked for": b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("response", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_that_can_not_be_read_in_one_way_becomes_a_502_with_its_cause(
    activator: Activator, serve_raw: ServeRaw, response: bytes
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    await activator.route_to(await serve_raw(replica))
    answer = await raw(activator, GET)
    assert answer.startswith(b"HTTP/1.1 502")
    assert b"BadResponse" in answer
    assert b"is not valid HTTP (" in answer
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_replica_may_answer_before_it_has_read_the_body(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        writer.close()

    await activator.route_to(await serve_raw(replica))
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: 1000000\r\n\r\nhello")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.endswith(b"big")


async def test_a_client_that_leaves_ends_the_work_at_the_replica(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    cut_off = asyncio.Event()

    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        cut_off.set()
        writer.close()

    await activator.route_to(await serve_raw(replica))
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(GET)
    await reader.readuntil(b"hello")
    writer.transport.abort()
    async with asyncio.timeout(5):
        await cut_off.wait()
    await activator.until(lambda: activator.report.in_flight == 0)


async def test_replicas_of_a_silent_controller_are_not_trusted(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    address = await serve_raw(answer_ok)
    await activator.route_to(address)
    assert (await raw(activator, GET)).endswith(b"ok")

    activator.pools.withdraw_replicas()
    asking = asyncio.create_task(raw(activator, GET))
    await activator.until_held(1)
    await activator.route_to(address)
    assert (await asking).endswith(b"ok")


async def test_an_older_table_changes_nothing(activator: Activator, serve_raw: ServeRaw) -> None:
    await activator.route_to(await serve_raw(answer_ok))
    older = activator.pools.table_version - 1
    assert not activator.pools.apply(activator.table(older, replicas=()))
    assert (await raw(activator, GET)).endswith(b"ok")


async def test_slots_come_back_after_every_kind_of_end(activator: Activator, serve: Serve) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError

    address = await serve(fail)
    await activator.route_to(address, slots=1)
    async with httpx.AsyncClient() as client:
        for _ in range(3):
            assert (await client.get(activator.url)).status_code == 500
    assert activator.report.in_flight == 0
