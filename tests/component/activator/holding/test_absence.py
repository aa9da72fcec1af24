"""A pool that is missing from a table is given time to come back before anybody is refused."""

import asyncio

import pytest

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, ServeRaw, StartActivator
from tests.component.activator.exchanges import GET, answer_ok, patient, raw


def forget_the_pool(activator: Activator) -> None:
    """A table without the pool."""
    activator.pools.apply(activator.table(next(activator.versions), without_pool=True))


async def test_a_pool_that_is_missing_for_a_moment_loses_nobody(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    first = asyncio.create_task(raw(activator, GET))
    await activator.until_held(1)
    forget_the_pool(activator)
    await activator.server.listen()
    second = asyncio.create_task(raw(activator, GET))
    await activator.until_held(2)
    await activator.route_to(await serve_raw(answer_ok))
    assert (await first).endswith(b"ok")
    assert (await second).endswith(b"ok")


async def test_nothing_is_released_while_the_pool_is_missing(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to(await serve_raw(answer_ok))
    forget_the_pool(activator)
    asking = asyncio.create_task(raw(activator, GET))
    await activator.until_held(1)
    await clock.jump(5)
    assert (activator.held, activator.report.in_flight) == (1, 0)
    await activator.route_to("127.0.0.1")
    assert (await asking).endswith(b"ok")


async def test_a_pool_that_stays_away_answers_whom_it_held_and_listens_no_more(
    start_activator: StartActivator, clock: LoopClock
) -> None:
    activator = await start_activator(absence_seconds=20.0)
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    forget_the_pool(activator)
    await activator.server.listen()
    await clock.jump(19)
    assert not asking.done()
    forget_the_pool(activator)  # tables come often: the time counts from the first
    await clock.jump(2)
    answer = await asking
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"NoPool" in answer
    assert b"Retry-After: " in answer
    with pytest.raises(ConnectionRefusedError):
        await raw(activator, GET)


async def test_a_pool_that_is_created_again_counts_what_the_first_still_does(
    start_activator: StartActivator,
) -> None:
    activator = await start_activator(absence_seconds=0.0)
    finish = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await finish.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    replica = await asyncio.start_server(slow, "127.0.0.1", activator.backend_port)
    await activator.route_to("127.0.0.1", slots=1)
    first = asyncio.create_task(raw(activator, GET))
    await activator.until(lambda: activator.report.in_flight == 1)
    forget_the_pool(activator)
    await activator.until(lambda: not activator.pools.ports)
    await activator.route_to("127.0.0.1", slots=1)

    second = asyncio.create_task(raw(activator, GET))
    await activator.until_held(1)
    [report] = activator.pools.reports()
    assert (report.in_flight, report.at_replicas, report.arrived) == (1, {"127.0.0.1": 1}, 2)
    finish.set()
    assert (await first).endswith(b"ok")
    assert (await second).endswith(b"ok")
    replica.close()
