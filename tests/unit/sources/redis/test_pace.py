"""How often requests in flight are looked at one by one."""

import asyncio

import pytest

from hack.testing.clocks import VirtualTimeLoop
from poolkeeper.sources.redis.pace import Pace


def looks(
    limit_seconds: float, seconds: int, *, name: str = "jobs", hurries: bool = False, at_once: bool = False
) -> list[float]:
    """When a queue that is polled twice a second is looked at."""

    async def poll() -> list[float]:
        loop, pace, found = asyncio.get_running_loop(), Pace(name, limit_seconds), []
        for _ in range(2 * seconds):
            if pace.is_due(hurries=hurries, at_once=at_once):
                found.append(loop.time())
            await asyncio.sleep(0.5)
        return found

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(poll())


@pytest.mark.parametrize(
    ("limit_seconds", "hurries", "pause"),
    [(60.0, False, 6.0), (20.0, False, 2.0), (1.0, False, 1.0), (3_600.0, False, 30.0), (3_600.0, True, 1.0)],
)
def test_the_pause_follows_the_limit(limit_seconds: float, *, hurries: bool, pause: float) -> None:
    first, second, *later = looks(limit_seconds, 300, hurries=hurries)
    assert second - first <= pause
    assert {after - before for before, after in zip([second, *later], later, strict=False)} == {pause}


def test_what_only_a_look_can_show_is_looked_at_once() -> None:
    assert len(looks(3_600.0, 10, at_once=True)) == 20


def test_queues_that_begin_together_are_not_looked_at_together() -> None:
    assert len({looks(3_600.0, 60, name=f"jobs-{number}")[1] for number in range(100)}) > 10
