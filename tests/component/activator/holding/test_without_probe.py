"""A pod without a readiness probe is Ready while its model still loads: nobody is refused, and the
controller hears of the first accepted connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from hack.testing.clocks import LoopClock
from poolkeeper.activator.net.limits import Limits
from tests.component.activator.data_path import LOOPBACK, Activator, ServeRaw, StartActivator
from tests.component.activator.exchanges import GET, answer_ok, patient, raw

SECOND = "127.0.0.2"


@pytest_asyncio.fixture
async def activator(start_activator: StartActivator) -> AsyncIterator[Activator]:
    """One that tries pods often, until the test ends."""
    activator = await start_activator(try_again_seconds=0.02, acceptance_seconds=0.02)
    yield activator
    await activator.route_to()
    await asyncio.sleep(0.1)  # what was tried last is closed at both ends


async def model(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a request, and bears a connection without one."""
    try:
        await answer_ok(reader, writer)
    except asyncio.IncompleteReadError:
        writer.close()


async def test_requests_wait_until_the_model_listens(activator: Activator, serve_raw: ServeRaw) -> None:
    await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))
    asking = [asyncio.create_task(raw(activator, GET)) for _ in range(5)]
    await activator.until_held(5)
    await asyncio.sleep(0.3)
    assert (activator.held, activator.report.accepting) == (5, ())
    await serve_raw(model)
    assert all(answer.endswith(b"ok") for answer in await asyncio.gather(*asking))
    assert activator.report.accepting == (LOOPBACK,)


async def test_a_pod_is_tried_without_a_request(activator: Activator, serve_raw: ServeRaw) -> None:
    heard = asyncio.Event()
    activator.pools.on_change = heard.set
    await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))
    await serve_raw(model)
    heard.clear()
    await activator.until(lambda: activator.report.accepting == (LOOPBACK,))
    assert heard.is_set(), "the controller need not wait for the next report"
    assert activator.report.in_flight == activator.report.arrived == 0


async def test_each_pod_is_tried_for_itself(activator: Activator, serve_raw: ServeRaw) -> None:
    await serve_raw(model)
    await activator.route_to(LOOPBACK, SECOND, unprobed=(LOOPBACK, SECOND))
    await activator.until(lambda: activator.report.accepting == (LOOPBACK,))
    answers = await asyncio.gather(*(raw(activator, GET) for _ in range(10)))
    assert all(answer.endswith(b"ok") for answer in answers)
    await serve_raw(model, SECOND)
    await activator.until(lambda: activator.report.accepting == (LOOPBACK, SECOND))


async def test_what_stands_before_the_model_and_hangs_up_is_not_the_model(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    """A proxy accepts at once, and closes when nothing listens behind it. Nothing was sent, so it is tried
    again."""
    listens = False

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if listens:
            await model(reader, writer)
        else:
            writer.transport.abort()

    await serve_raw(proxy)
    await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))
    asking = [asyncio.create_task(raw(activator, GET)) for _ in range(5)]
    await activator.until_held(5)
    await asyncio.sleep(0.3)
    assert (activator.held, activator.report.accepting) == (5, ())
    listens = True
    assert all(answer.endswith(b"ok") for answer in await asyncio.gather(*asking))


async def test_a_replica_with_a_probe_that_hangs_up_before_a_byte_is_passed_over(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    await serve_raw(model, SECOND)
    await activator.route_to(LOOPBACK, SECOND)
    assert (await raw(activator, GET)).endswith(b"ok"), "it refuses"
    await serve_raw(hang_up)
    answers = [await raw(activator, GET) for _ in range(5)]
    assert all(answer.endswith(b"ok") for answer in answers)


async def counted(activator: Activator, serve_raw: ServeRaw, settle: Callable[[], Awaitable[object]]) -> int:
    """Connections that the pod gets until it has settled."""
    connections = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await reader.read()
        finally:
            writer.transport.abort()

    await serve_raw(count)
    await settle()
    return connections


async def test_one_accepted_connection_is_enough(activator: Activator, serve_raw: ServeRaw) -> None:
    async def settle() -> None:
        for _ in range(3):
            await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))
            await activator.until(lambda: activator.report.accepting == (LOOPBACK,))
            await asyncio.sleep(0.1)

    assert await counted(activator, serve_raw, settle) == 1


async def test_a_pod_with_a_probe_is_not_tried(activator: Activator, serve_raw: ServeRaw) -> None:
    async def settle() -> None:
        await activator.route_to(LOOPBACK)
        await asyncio.sleep(0.1)

    assert await counted(activator, serve_raw, settle) == 0
    assert activator.report.accepting == ()


async def test_a_pod_that_left_the_table_is_not_tried_any_more(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))
    await activator.route_to()

    async def settle() -> None:
        await asyncio.sleep(0.1)

    assert await counted(activator, serve_raw, settle) == 0


async def test_when_the_time_limit_comes_the_caller_reads_what_was_waited_for(
    activator: Activator, clock: LoopClock
) -> None:
    await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await clock.jump(16)
    await activator.route_to(LOOPBACK, unprobed=(LOOPBACK,))  # a table is valid for 30 s
    await clock.jump(15)
    answer = await asking
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"No replica of this model accepted a connection within 3" in answer


async def test_few_pods_are_tried_at_once(
    start_activator: StartActivator, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_at_once = most = 0

    async def slow(address: str, port: int, timeout_seconds: float) -> object:
        nonlocal open_at_once, most
        open_at_once += 1
        most = max(most, open_at_once)
        await asyncio.sleep(0.001)
        open_at_once -= 1
        raise ConnectionRefusedError

    monkeypatch.setattr("poolkeeper.activator.routing.first_connections.connect", slow)
    activator = await start_activator(tries_at_once=4)
    addresses = tuple(f"127.0.1.{number}" for number in range(100))
    await activator.route_to(*addresses, unprobed=addresses)
    await asyncio.sleep(0.1)
    assert most == 4
    assert Limits().tries_at_once == 64
