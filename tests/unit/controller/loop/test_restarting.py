"""A part that fails begins again, later each time; one that returns or is cancelled does not."""

import asyncio

import pytest

from poolkeeper.backoff import Backoff
from poolkeeper.controller.loop.restarting import keep_running

pytestmark = pytest.mark.virtual_time

PAUSES = Backoff(1.0, 8.0, draw=lambda _, longest: longest)


class Part:
    """Fails after `lasts` seconds until it has run `faults` times, then returns."""

    def __init__(self, *, faults: int, lasts: float = 0.0) -> None:
        self.faults, self.lasts = faults, lasts
        self.began: list[float] = []

    async def run(self) -> None:
        self.began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.lasts)
        if len(self.began) <= self.faults:
            raise KeyError("port")


def pauses(part: Part) -> list[int]:
    return [
        round(later - began - part.lasts) for began, later in zip(part.began, part.began[1:], strict=False)
    ]


async def test_a_part_that_fails_runs_again_after_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    part = Part(faults=5)
    await keep_running("front", part.run, pauses=PAUSES)
    assert pauses(part) == [1, 2, 4, 8, 8]
    assert caplog.text.count("Part front has failed") == 5


async def test_a_part_that_ran_for_long_starts_the_pauses_over() -> None:
    part = Part(faults=3, lasts=9.0)
    await keep_running("front", part.run, pauses=PAUSES)
    assert pauses(part) == [1, 1, 1]


async def test_a_cancelled_part_ends() -> None:
    part = Part(faults=0, lasts=60.0)
    running = asyncio.create_task(keep_running("front", part.run, pauses=PAUSES))
    await asyncio.sleep(1.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(part.began) == 1
