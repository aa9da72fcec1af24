"""What is taken from the agenda, and when, under a clock in the test's hands."""

import asyncio
from collections.abc import Sized

import pytest

from hack.testing.clocks import ManualClock
from poolkeeper.controller.loop.agenda import Agenda


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


@pytest.fixture
def agenda(clock: ManualClock) -> Agenda[str]:
    return Agenda(clock)


async def taken(agenda: Agenda[str]) -> str | None:
    """What can be taken now, without waiting."""
    try:
        return await asyncio.wait_for(agenda.take(), 0.01)
    except TimeoutError:
        return None


async def test_what_was_marked_first_is_taken_first_and_once(agenda: Agenda[str]) -> None:
    for key in ("a", "b", "a"):
        agenda.mark(key)
    assert [await taken(agenda) for _ in range(3)] == ["a", "b", None]


async def test_a_key_at_work_is_taken_again_only_after_it_is_done(agenda: Agenda[str]) -> None:
    agenda.mark("a")
    assert await taken(agenda) == "a"
    agenda.mark("a")
    assert await taken(agenda) is None
    agenda.done("a")
    assert await taken(agenda) == "a"


async def test_a_key_is_taken_when_it_is_due_and_not_before(agenda: Agenda[str], clock: ManualClock) -> None:
    agenda.schedule("a", 105.0)
    assert await taken(agenda) is None
    clock.now = 105.0
    assert await taken(agenda) == "a"
    agenda.done("a")
    assert await taken(agenda) is None


async def test_the_earlier_of_two_due_times_counts(agenda: Agenda[str], clock: ManualClock) -> None:
    agenda.schedule("a", 110.0)
    agenda.schedule("a", 105.0)
    agenda.schedule("a", 120.0)
    clock.now = 105.0
    assert await taken(agenda) == "a"
    agenda.done("a")
    clock.now = 130.0
    assert await taken(agenda) is None


async def test_a_held_key_is_not_taken_early_whatever_marks_it(
    agenda: Agenda[str], clock: ManualClock
) -> None:
    agenda.hold("a", 105.0)
    agenda.mark("a")
    assert await taken(agenda) is None
    clock.now = 105.0
    assert await taken(agenda) == "a"


async def test_holds_in_a_row_are_counted_until_the_key_is_released(agenda: Agenda[str]) -> None:
    for times in range(3):
        assert agenda.holds("a") == times
        agenda.hold("a", 105.0)
    assert agenda.holds("b") == 0
    agenda.release("a")
    assert agenda.holds("a") == 0


async def test_nothing_is_kept_of_keys_that_were_held_and_dropped(
    agenda: Agenda[str], clock: ManualClock
) -> None:
    for number in range(100):
        agenda.hold(str(number), 105.0)
        agenda.mark(str(number))
        agenda.drop(str(number))
    clock.now = 105.0
    assert await taken(agenda) is None
    assert [name for name, kept in vars(agenda).items() if isinstance(kept, Sized) and len(kept)] == []


async def test_a_mark_wakes_whoever_waits(agenda: Agenda[str]) -> None:
    waiting = asyncio.create_task(agenda.take())
    await asyncio.sleep(0)
    agenda.mark("a")
    assert await waiting == "a"


async def test_a_dropped_key_never_comes(agenda: Agenda[str], clock: ManualClock) -> None:
    agenda.mark("a")
    agenda.schedule("b", 101.0)
    agenda.drop("a")
    agenda.drop("b")
    clock.now = 200.0
    assert await taken(agenda) is None


async def test_how_long_the_oldest_mark_has_waited(agenda: Agenda[str], clock: ManualClock) -> None:
    assert agenda.longest_waiting_seconds() == 0.0
    agenda.mark("a")
    clock.now = 130.0
    agenda.mark("b")
    assert agenda.longest_waiting_seconds() == 30.0
