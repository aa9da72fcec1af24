"""A model that takes longer to start than its callers wait: they get an answer, and the start goes on."""

import asyncio

import httpx

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, ServeRaw
from tests.component.activator.exchanges import GET, answer_ok, patient, raw


def retry_after(answer: bytes) -> int:
    """Seconds after which a refused client is asked to come back."""
    return int(answer.partition(b"Retry-After: ")[2].partition(b"\r\n")[0])


async def test_who_was_held_for_the_whole_budget_is_told_to_come_back_and_stays_demand(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await clock.jump(31)
    answer = await asking
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"TimeLimit" in answer
    assert (activator.held, activator.report.expected_back) == (0, 1)

    await clock.jump(retry_after(answer) + 0.5)
    assert activator.report.expected_back == 1, "it is on its way back"
    again = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    assert activator.report.expected_back == 0, "it is here, and counts once"
    await activator.route_to(await serve_raw(answer_ok))
    assert (await again).endswith(b"ok")


async def test_who_does_not_come_back_is_not_waited_for_long(activator: Activator, clock: LoopClock) -> None:
    asking = asyncio.create_task(patient(activator))
    await activator.until_held(1)
    await clock.jump(31)
    await asking
    await clock.jump(6)
    assert activator.report.expected_back == 0


async def test_a_start_that_gets_longer_refuses_newcomers_at_once_and_nobody_who_waits(
    activator: Activator, serve_raw: ServeRaw
) -> None:
    held = asyncio.create_task(raw(activator, GET))
    await activator.until_held(1)
    await activator.route_to(ready_in_seconds=300)
    refused = await raw(activator, GET)
    assert b"NotReadyInTime" in refused
    assert 295 <= retry_after(refused) <= 300
    assert not held.done(), "the expected time is a median: it may be sooner"
    await activator.route_to(await serve_raw(answer_ok))
    assert (await held).endswith(b"ok")


async def test_a_start_beyond_any_patience_ends_in_answers_and_not_in_cut_connections(
    activator: Activator, clock: LoopClock
) -> None:
    async with httpx.AsyncClient(timeout=None) as client:
        held = [asyncio.create_task(client.get(activator.url)) for _ in range(5)]
        await activator.until_held(5)
        await clock.jump(31)
        answers = await asyncio.gather(*held)
    assert [answer.status_code for answer in answers] == [503] * 5
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    assert {answer.json()["error"]["code"] for answer in answers} == {"TimeLimit"}
