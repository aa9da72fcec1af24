"""A pool that is edited while requests are held: nobody is lost, and the edit counts at once."""

import asyncio
from typing import Any

import pytest

from hack.testing.clocks import LoopClock
from hack.testing.ports import free_port
from tests.component.activator.data_path import Activator, ServeRaw
from tests.component.activator.exchanges import GET, answer_ok, patient, raw


async def test_a_lowered_bound_refuses_the_next_and_nobody_who_waits(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    held = [asyncio.create_task(raw(activator, GET)) for _ in range(3)]
    await activator.until_held(3)
    await activator.route_to(held_requests=1)
    assert b"QueueFull" in await raw(activator, GET)
    assert activator.held == 3
    await activator.route_to(await serve_raw(answer_ok))
    assert all(answer.endswith(b"ok") for answer in await asyncio.gather(*held))


async def test_those_who_wait_go_to_the_port_that_the_service_has_now(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    asking = asyncio.create_task(raw(activator, GET))
    await activator.until_held(1)
    activator.backend_port = free_port()
    (port,) = activator.route.ports
    edited = port.model_copy(update={"backend_port": activator.backend_port})
    await activator.route_to(await serve_raw(answer_ok), ports=(edited,))
    assert (await asking).endswith(b"ok")


async def test_a_raised_budget_is_given_to_those_who_wait(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await activator.route_to(hold_seconds=120)
    await clock.jump(90)
    assert activator.held == 1
    await activator.route_to(await serve_raw(answer_ok))
    assert (await asking).endswith(b"ok")


async def test_a_raised_budget_ends_too(activator: Activator, clock: LoopClock) -> None:
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await activator.route_to(hold_seconds=120)
    await clock.jump(31)
    assert not asking.done()
    await clock.jump(90)
    assert b"TimeLimit" in await asking


async def test_a_lowered_budget_breaks_no_promise(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await activator.route_to(hold_seconds=1)
    await clock.jump(20)
    assert activator.held == 1
    await activator.route_to(await serve_raw(answer_ok))
    assert (await asking).endswith(b"ok")


@pytest.mark.parametrize("change", [{"fair_by": "Address"}, {"heartbeat_seconds": 1}, {"held_bytes": 0}])
async def test_other_edits_lose_nobody(
    activator: Activator, serve_raw: ServeRaw, change: dict[str, Any]
) -> None:
    held = [asyncio.create_task(raw(activator, GET)) for _ in range(3)]
    await activator.until_held(3)
    await activator.route_to(**change)
    held += [asyncio.create_task(raw(activator, GET)) for _ in range(2)]
    await activator.until_held(5)
    await activator.route_to(await serve_raw(answer_ok))
    assert all(answer.endswith(b"ok") for answer in await asyncio.gather(*held))


async def test_a_raised_concurrency_lets_more_go_at_once(activator: Activator, serve_raw: ServeRaw) -> None:
    finish = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await finish.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    address = await serve_raw(slow)
    await activator.route_to(address, slots=1)
    held = [asyncio.create_task(raw(activator, GET)) for _ in range(4)]
    await activator.until_held(3)
    await activator.route_to(address, slots=3)
    assert (activator.held, activator.report.in_flight) == (1, 3)
    finish.set()
    assert all(answer.endswith(b"ok") for answer in await asyncio.gather(*held))
