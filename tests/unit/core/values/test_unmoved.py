"""Which requests in flight are orphans: never one that a worker holds, always one that nobody touches."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.values.unmoved import (
    NOTHING_SEEN,
    Entries,
    Idle,
    Look,
    Movement,
    Unmoved,
    follow,
)

LIMIT = 60.0


@dataclass
class Source:
    """Polls of one source, half a minute apart unless the test says otherwise."""

    movement: Movement = NOTHING_SEEN
    now: float = 0.0
    last: object = None

    def poll(
        self,
        look: str | Look | None = None,
        in_flight: int | None = None,
        *,
        after: float = 30.0,
        taken: int = 0,
        marker: str = "",
    ) -> Unmoved:
        """`look` as a string is a list with one letter for each entry, the newest first."""
        self.now += after
        found = Entries(tuple(look)) if isinstance(look, str) else look
        if in_flight is None and isinstance(found, Entries):
            in_flight = len(found.digests)
        seen = (in_flight, marker or (found if isinstance(found, Entries) else ""))
        self.movement = follow(
            self.movement,
            self.now,
            in_flight,
            found,
            is_same=seen == self.last,
            taken=taken,
            limit_seconds=LIMIT,
        )
        self.last = seen
        return self.movement.unmoved

    def polls(self, looks: Sequence[str]) -> int:
        """The orphans after these looks."""
        for look in looks:
            self.poll(look)
        return self.movement.unmoved.requests


@pytest.mark.parametrize(
    ("looks", "orphans"),
    [
        (["s", "s", "s"], 0),
        (["s", "s", "s", "s"], 1),
        (["as", "bs", "cs", "ds"], 1),
        (["sa", "sb", "sc", "sd"], 1),
        (["as", "s", "bs", "s"], 1),
        (["st", "ast", "bst", "st", "st"], 2),
        (["s", "ts", "ts", "ts"], 1),
        (["s", "ts", "ts", "ts", "ts"], 2),
        (["abs", "cas", "dcs", "eds"], 1),
        (["a", "b", "c", "d", "e"], 0),
        (["s", "s", "", "s", "s"], 0),
        (["ss", "ss", "ss", "ss"], 2),
        (["ss", "s", "ss", "ss"], 0),
        (["sst", "sst", "sst", "sst"], 3),
    ],
)
def test_an_entry_that_lies_there_at_every_look_is_an_orphan(looks: list[str], orphans: int) -> None:
    assert Source().polls(looks) == orphans


@pytest.mark.parametrize(
    ("looks", "orphans"),
    [
        (["st", "st", "st", "st", "ts"], 0),
        (["stu", "stu", "stu", "stu", "tu"], 0),
        (["stu", "stu", "stu", "stu", "tu", "tu", "tu", "tu"], 2),
        (["as", "as", "as", "as", "s", "bs"], 0),
    ],
)
def test_orphans_that_somebody_puts_back_are_all_watched_from_then_on(looks: list[str], orphans: int) -> None:
    assert Source().polls(looks) == orphans


def test_an_orphan_is_dated_to_the_first_look_that_showed_it() -> None:
    source = Source()
    source.polls(["s", "as", "bs", "cs"])
    assert source.movement.unmoved == Unmoved(1, 30.0)


def test_equal_payloads_are_new_requests_while_requests_are_taken() -> None:
    one_worker, two_workers = Source(), Source()
    for _ in range(10):
        one_worker.poll("w", taken=1)
        two_workers.poll("ww", taken=1)
    assert (one_worker.movement.unmoved.requests, two_workers.movement.unmoved.requests) == (0, 0)


def test_an_orphan_stays_one_while_short_work_comes_and_goes_between_two_looks() -> None:
    source = Source()
    source.polls(["s", "s", "s", "s"])
    assert source.poll("s", taken=3).requests == 1


def test_an_entry_that_was_away_at_a_poll_is_a_new_one() -> None:
    source = Source()
    source.polls(["stu", "stu", "stu"])
    source.poll(in_flight=2)
    assert source.poll("stu").requests == 0


def test_a_request_that_is_taken_between_the_depth_and_the_look_does_no_harm() -> None:
    source = Source()
    for look in ("abs", "acs", "ads", "aes"):
        unmoved = source.poll(look, in_flight=2)
    assert unmoved.requests == 2


def test_between_two_looks_there_are_no_more_orphans_than_requests_in_flight() -> None:
    source = Source()
    source.polls(["stu", "stu", "stu", "stu"])
    assert [source.poll(in_flight=number, after=0.5).requests for number in (4, 3, 1, 0)] == [3, 3, 1, 0]


@pytest.mark.parametrize(
    ("polls", "orphans"),
    [
        ([(2, 0)], 2),
        ([(1, 0)], 1),
        ([(2, 1)], 1),
        ([(3, 1), (2, 0)], 1),
        ([(3, 1), (4, 1)], 0),
        ([(3, 2)], 0),
    ],
)
def test_a_request_that_is_taken_between_two_looks_is_never_thought_to_be_the_orphan(
    polls: list[tuple[int, int]], orphans: int
) -> None:
    """Two were orphans at the last look. One of them may be gone, and the new one may be in its place."""
    source = Source()
    source.poll(Idle(2, 75.0), in_flight=2)
    for in_flight, taken in polls:
        source.poll(in_flight=in_flight, taken=taken, after=0.5)
    assert source.movement.unmoved.requests == orphans
    assert source.poll(Idle(2, 75.0), in_flight=4).requests == 2


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([Idle(0)], Unmoved()),
        ([Idle(2, 75.0)], Unmoved(2, 30.0 - 75.0)),
        ([Idle(2, 75.0), Idle(1, 61.0)], Unmoved(1, 60.0 - 61.0)),
        ([Idle(2, 75.0), Idle(2, 104.9)], Unmoved(2, 30.0 - 75.0)),
        ([Idle(1_000, 75.0, is_all=False)], Unmoved(20, -45.0, is_all=False)),
        ([Idle(2, 75.0), None], Unmoved(2, -45.0)),
        ([Idle(3, 75.0), Idle(2, 61.0), Idle(0)], Unmoved()),
    ],
)
def test_a_server_that_knows_the_times_is_believed(looks: list[Idle | None], expected: Unmoved) -> None:
    source = Source()
    for look in looks:
        unmoved = source.poll(look, in_flight=20)
    assert unmoved == expected


@pytest.mark.parametrize(
    ("polls", "orphans"),
    [
        ([(2, "m", 0)] * 3, 0),
        ([(2, "m", 0)] * 4, 2),
        ([(2, "m", 0), (2, "n", 0), (2, "n", 0), (2, "n", 0)], 0),
        ([(2, "m", 1)] * 9, 0),
        ([(2, "m", 0)] * 4 + [(3, "n", 0)], 2),
        ([(2, "m", 0)] * 4 + [(2, "n", 0)], 0),
        ([(2, "m", 0)] * 4 + [(1, "n", 0)], 0),
    ],
)
def test_without_a_look_all_stand_still_or_none(polls: list[tuple[int, str, int]], orphans: int) -> None:
    source = Source()
    for in_flight, marker, taken in polls:
        unmoved = source.poll(in_flight=in_flight, marker=marker, taken=taken)
    assert unmoved.requests == orphans


def test_the_middle_of_a_long_list_is_judged_as_a_whole() -> None:
    source = Source()
    look = Entries(("a", "z"), is_all=False)
    for _ in range(4):
        unmoved = source.poll(look, in_flight=500, marker="m")
    assert unmoved.requests == 500
    source.poll(look, in_flight=501, marker="n")
    assert source.movement.unmoved == Unmoved(2, 30.0, is_all=False)


@dataclass
class World:
    """A processing list with workers, some of which die; seconds pass one by one."""

    entries: list[tuple[int, float, bool]] = field(default_factory=list)
    """Number, since when it lies there, and whether its worker lives."""
    taken: int = 0

    def step(self, now: float, event: int, at: int) -> int:
        """Returns how many were taken."""
        working = [entry for entry in self.entries if entry[2]]
        if event == 1 and working:
            self.entries.remove(working[at % len(working)])
        elif event == 2 and working:
            number, since, _ = working[at % len(working)]
            self.entries[self.entries.index((number, since, True))] = (number, since, False)
        elif event == 3:
            self.taken += 1
            self.entries.insert(0, (self.taken, now, True))
            return 1
        for number, since, lives in [*self.entries]:
            if lives and now - since > LIMIT - 2:
                self.entries.remove((number, since, lives))
        return 0


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=60, max_size=400), st.integers(1, 9)
)
def test_the_orphans_are_those_whose_workers_are_gone(events: list[tuple[int, int]], pace: int) -> None:
    """Every worker needs less than the limit. Never more is found than the dead leave behind, and never less
    than what has lain there for longer than the limit and the time between two looks."""
    world, source = World(), Source()
    for second, (event, at) in enumerate(events):
        taken = world.step(float(second), event, at)
        digests = tuple(str(number) for number, _, _ in world.entries)
        look = Entries(digests) if second % pace == 0 else None
        found = source.poll(
            look, len(digests), after=1.0, taken=taken, marker="-".join((*digests[:1], *digests[-1:]))
        ).requests
        dead = [since for _, since, lives in world.entries if not lives]
        assert found <= len(dead)
        if look is not None:
            assert found >= sum(second - since > LIMIT + 2 * pace for since in dead)
