"""What the metrics say of a request: each once, and as its caller saw it."""

import asyncio

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, ServeRaw, StartActivator
from tests.component.activator.exchanges import GET, answer_ok, patient, raw


async def test_a_request_that_bounces_off_a_pod_is_released_once(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to("127.0.0.2")
    asking = asyncio.create_task(raw(activator, GET))
    await activator.until(lambda: activator.report.arrived == 1)
    for _ in range(4):
        await clock.jump(0.1)
    assert activator.metric("released_requests_total") == 0
    await serve_raw(answer_ok, "127.0.0.2")
    await asking
    assert activator.metric("released_requests_total") == 1
    assert activator.metric("waited_seconds_count") == 1
    assert (activator.metric("waited_seconds_sum") or 0) > 0.3


async def test_a_cold_start_lasts_until_the_first_byte_of_the_answer(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    begin, finish = asyncio.Event(), asyncio.Event()

    async def thinks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await begin.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await finish.wait()
        writer.write(b"ok")
        writer.close()

    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await clock.jump(2)
    await activator.route_to(await serve_raw(thinks))
    await activator.until(lambda: activator.report.in_flight == 1)
    await clock.jump(3)
    begin.set()
    await activator.until(lambda: activator.metric("cold_start_seconds_count") == 1)
    await clock.jump(4)
    assert not asking.done()
    assert 5 <= (activator.metric("cold_start_seconds_sum") or 0) < 6
    finish.set()
    await asking
    await raw(activator, GET)  # was not held
    assert activator.metric("cold_start_seconds_count") == 1
    assert activator.metric("waited_seconds_count") == 2


async def test_the_start_of_a_large_model_is_no_more_than_a_bucket(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to(hold_seconds=7200)
    for minutes in (25, 50):
        asking = asyncio.create_task(patient(activator))
        await activator.until_held(1)
        await clock.jump(60.0 * minutes)
        await activator.route_to(await serve_raw(answer_ok) if minutes == 25 else "127.0.0.1")
        await asking
        await activator.route_to()
    counts = [
        activator.metric("cold_start_seconds_bucket", le=le) for le in ("1200.0", "1800.0", "3600.0", "+Inf")
    ]
    assert counts == [0, 1, 2, 2]


async def test_a_refusal_says_how_long_the_request_was_held(activator: Activator) -> None:
    limited = GET.replace(b"Connection", b"Request-Timeout: 0.3\r\nConnection")
    held = await raw(activator, limited)
    assert held.startswith(b"HTTP/1.1 503")
    seconds = held.partition(b"X-Poolkeeper-Cold-Start: ")[2].partition(b"\r\n")[0]
    assert float(seconds) >= 0.3
    assert b"X-Poolkeeper-Cold-Start: 0.000\r\n" in await raw(activator, b"nonsense\r\n\r\n")


async def test_a_pool_that_is_gone_is_forgotten(start_activator: StartActivator) -> None:
    activator = await start_activator(absence_seconds=0.0)
    assert activator.metric("held_requests") == 0
    activator.pools.apply(activator.table(next(activator.versions), without_pool=True))
    await activator.until(lambda: activator.metric("held_requests") is None)
    await activator.route_to()
    assert activator.metric("held_requests") == 0
