"""One pool that fails, or hangs, and what becomes of the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from hack.testing.clocks import ManualClock
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.loop.loop import RETRIES, Loop
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.core.values.identity import PoolKey

pytestmark = pytest.mark.virtual_time

FULL_PAUSES = replace(RETRIES, draw=lambda _, most: most)
BAD, GOOD = PoolKey("ns", "bad"), PoolKey("ns", "good")


class Looks:
    """Remembers what was looked at; the bad pool fails, or hangs."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.seen: list[PoolKey] = []
        self.explained: list[str] = []
        self.are_mended = False
        self._hangs = hangs

    async def reconcile(self, key: PoolKey) -> float | None:
        self.seen.append(key)
        if key == BAD and self._hangs:
            await asyncio.Event().wait()
        if key == BAD and not self.are_mended:
            raise ZeroDivisionError("a bug")
        return None

    async def explain_failure(self, key: PoolKey, error: Exception) -> None:
        self.explained.append(f"{key}: {type(error).__name__}")


@asynccontextmanager
async def running(looks: Looks, agenda: Agenda[PoolKey], clock: ManualClock) -> AsyncIterator[None]:
    """The loop, during the block."""
    loop = Loop(agenda, looks, Timings(CollectorRegistry()), clock, retries=FULL_PAUSES)
    task = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def looked_at_again(looks: Looks, agenda: Agenda[PoolKey], clock: ManualClock, *, after: float) -> bool:
    """Whether the bad pool is looked at again when so many seconds have passed."""
    before = looks.seen.count(BAD)
    clock.now += after
    agenda.mark(GOOD)
    await asyncio.sleep(0.02)
    return looks.seen.count(BAD) > before


async def run_for_a_moment(looks: Looks, agenda: Agenda[PoolKey], clock: ManualClock) -> None:
    loop = Loop(agenda, looks, Timings(CollectorRegistry()), clock)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.05)
    agenda.mark(GOOD)
    agenda.mark(BAD)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_bad_pool_delays_no_other(*, hangs: bool) -> None:
    clock = ManualClock()
    agenda: Agenda[PoolKey] = Agenda(clock)
    looks = Looks(hangs=hangs)
    for key in (BAD, GOOD):
        agenda.mark(key)
    await run_for_a_moment(looks, agenda, clock)
    assert looks.seen.count(GOOD) == 2


async def test_a_bad_pool_is_explained_and_not_looked_at_again_at_once() -> None:
    clock = ManualClock()
    agenda: Agenda[PoolKey] = Agenda(clock)
    looks = Looks()
    agenda.mark(BAD)
    await run_for_a_moment(looks, agenda, clock)
    assert looks.explained == ["ns/bad: ZeroDivisionError"]
    assert looks.seen.count(BAD) == 1


async def test_each_failure_in_a_row_doubles_the_wait_until_a_look_succeeds() -> None:
    clock, looks = ManualClock(), Looks()
    agenda: Agenda[PoolKey] = Agenda(clock)
    agenda.mark(BAD)
    async with running(looks, agenda, clock):
        assert await looked_at_again(looks, agenda, clock, after=0.0)
        for wait in (1.0, 2.0, 4.0):
            assert not await looked_at_again(looks, agenda, clock, after=wait - 0.5)
            assert await looked_at_again(looks, agenda, clock, after=0.5)
        looks.are_mended = True
        assert await looked_at_again(looks, agenda, clock, after=8.0)
        looks.are_mended = False
        agenda.mark(BAD)
        assert await looked_at_again(looks, agenda, clock, after=0.0)
        assert await looked_at_again(looks, agenda, clock, after=1.0)


async def test_a_pool_that_is_made_anew_does_not_wait_for_the_failures_of_the_one_before() -> None:
    clock, looks = ManualClock(), Looks()
    agenda: Agenda[PoolKey] = Agenda(clock)
    agenda.mark(BAD)
    async with running(looks, agenda, clock):
        assert await looked_at_again(looks, agenda, clock, after=0.0)
        for wait in (1.0, 2.0, 4.0):
            assert await looked_at_again(looks, agenda, clock, after=wait)
        agenda.drop(BAD)
        assert not await looked_at_again(looks, agenda, clock, after=400.0)
        agenda.mark(BAD)
        assert await looked_at_again(looks, agenda, clock, after=0.0)
        assert await looked_at_again(looks, agenda, clock, after=1.0)


async def test_the_loop_is_stuck_only_where_a_pool_waits_and_no_look_ends() -> None:
    clock = ManualClock()
    agenda: Agenda[PoolKey] = Agenda(clock)
    loop = Loop(agenda, Looks(), Timings(CollectorRegistry()), clock)
    agenda.mark(GOOD)
    clock.now = 130.0
    assert loop.stuck_seconds() == 130.0

    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    agenda.mark(GOOD)
    clock.now = 150.0
    assert loop.stuck_seconds() == 20.0
