"""When the pending entries of a stream's group are looked at one by one."""

import asyncio

import pytest

from hack.testing.clocks import VirtualTimeLoop
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.redis.pending import PendingEntries
from poolkeeper.sources.redis.question import Question
from poolkeeper.sources.redis.replies import Reply

ORPHAN: Reply = [[b"1-0", b"dead", 99_000, 1]]
POLL_SECONDS = 0.1


def looks(found: Reply, trails: list[str]) -> list[int]:
    """At which polls there is a look, after the two that begin the rhythm and have found this."""

    async def poll() -> list[int]:
        pending, depth, looked = PendingEntries("jobs", "workers", 60.0), Depth(0, 2), []
        for number, trail in enumerate([trails[0], trails[0], *trails], start=-1):
            pending.note(trail)
            asked = pending.look(depth)
            if isinstance(asked, Question):
                assert isinstance(asked.interpret([found]), Depth)
                looked.append(number)
            await asyncio.sleep(POLL_SECONDS)
        return [number for number in looked if number > 0]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(poll())


@pytest.mark.parametrize(
    ("found", "trails", "expected"),
    [
        (ORPHAN, ["a", "a", "a", "a"], []),
        (ORPHAN, ["a", "b", "b", "c"], [2, 4]),
        ([], ["a", "b", "b", "c"], []),
    ],
)
def test_beside_orphans_there_is_a_look_at_each_change(
    found: Reply, trails: list[str], expected: list[int]
) -> None:
    """Else a new entry counts as an orphan that is done or claimed, and the replica that works on it is
    stopped."""
    assert looks(found, trails) == expected
