"""How many replicas must be working, by the requests that are seen."""

from typing import NamedTuple

import pytest

from poolkeeper.core.learning import takes
from poolkeeper.core.values.demand import Workload, survey
from poolkeeper.core.values.observation import ArrivalBucket, Observation, Reading
from tests.unit.core.strategies import T0, spec_of

SPEC = spec_of(concurrency=2)


class Seen(NamedTuple):
    """A reading, and the replicas that were known to work then."""

    waiting: int = 0
    in_flight: int | None = 0
    arrived: int = 0
    takers: int = 0
    orphaned: int = 0
    completed: int = 0


def workload(at: float, seen: Seen) -> Workload:
    waiting = (ArrivalBucket(T0 - 10.0, seen.waiting),) if seen.waiting else ()
    reading = Reading(
        "queue",
        at,
        seen.waiting,
        seen.in_flight,
        orphaned=seen.orphaned,
        waiting=waiting,
        arrived=seen.arrived,
        completed=seen.completed,
    )
    return survey(at, SPEC, Observation((reading,), None), 0.0)


LOOKS: dict[str, tuple[Seen, Seen, int]] = {
    "nothing happened": (Seen(), Seen(), 0),
    "one was taken and is done, or was deleted": (Seen(waiting=1, arrived=1), Seen(arrived=1), 0),
    "one was taken where nothing is seen in flight": (Seen(1, None, 1), Seen(0, None, 1), 1),
    "one came and was taken where nothing is seen in flight": (Seen(0, None), Seen(0, None, 1), 1),
    "three are in flight on two slots each": (Seen(3, 0, 3), Seen(0, 3, 3), 2),
    "those known to work have them": (Seen(3, 0, 3, takers=2), Seen(0, 3, 3, takers=2), 0),
    "one that worked is gone, and may have taken it": (Seen(1, 0, 1, takers=1), Seen(0, 1, 1), 0),
    "one is left over, and nothing was taken": (Seen(0, 1, 1), Seen(0, 1, 1), 0),
    "one is left over, and another was taken": (Seen(1, 1, 2), Seen(0, 2, 2), 1),
    "one is left over beside a replica that works, and takes what it has done": (
        Seen(1, 3, 4, takers=1),
        Seen(0, 3, 4, takers=1),
        0,
    ),
    "one becomes an orphan": (Seen(0, 2, 2, takers=1), Seen(0, 1, 2, takers=1, orphaned=1), 0),
    "one becomes an orphan, and another was taken": (Seen(1, 1, 2), Seen(0, 1, 2, orphaned=1), 1),
    "one becomes an orphan beside a replica that takes another": (
        Seen(1, 3, 4, takers=1),
        Seen(0, 2, 4, takers=1, orphaned=1, completed=1),
        0,
    ),
    "an orphan is none any more": (Seen(0, 2, 3, takers=1, orphaned=1), Seen(0, 3, 3, takers=1), 0),
    "an orphan is none any more beside a replica that takes another": (
        Seen(1, 1, 3, takers=1, orphaned=1),
        Seen(0, 3, 3, takers=1),
        0,
    ),
    "an orphan was done, and others were taken": (
        Seen(3, 0, 4, takers=1, orphaned=1),
        Seen(0, 3, 4, takers=1, completed=1),
        1,
    ),
    "no more than were taken": (Seen(1, 4, 5, takers=2), Seen(0, 5, 5, takers=2), 1),
}


@pytest.mark.parametrize(("before", "after", "working"), LOOKS.values(), ids=LOOKS)
def test_how_many_others_work(before: Seen, after: Seen, working: int) -> None:
    known = takes.begin(T0, SPEC, workload(T0, before), before.takers)
    _, seen = takes.look(T0 + 1.0, SPEC, workload(T0 + 1.0, after), after.takers, known)
    assert seen.working == working


def test_what_is_left_over_of_a_replica_that_is_gone_is_known_at_the_next_look() -> None:
    known = takes.begin(T0, SPEC, workload(T0, Seen(0, 4, 4, takers=2)), 2)
    known, seen = takes.look(T0 + 1.0, SPEC, workload(T0 + 1.0, Seen(0, 4, 4)), 1, known)
    assert seen.working == 0
    _, seen = takes.look(T0 + 2.0, SPEC, workload(T0 + 2.0, Seen(0, 4, 5)), 1, known)
    assert seen == takes.Seen(0, 0, None)


@pytest.mark.parametrize(("again_after", "began_at"), [(2.0, T0 + 1.0), (60.0, None)])
def test_requests_that_are_gone_twice_were_taken_by_a_replica(
    again_after: float, began_at: float | None
) -> None:
    """Once they may have been deleted."""
    known = takes.begin(T0, SPEC, workload(T0, Seen(1, 0, 1)), 0)
    known, seen = takes.look(T0 + 1.0, SPEC, workload(T0 + 1.0, Seen(0, 0, 1)), 0, known)
    assert seen == takes.Seen(0, 0, None)
    again = T0 + 1.0 + again_after
    _, seen = takes.look(again, SPEC, workload(again, Seen(0, 0, 2)), 0, known)
    assert seen == takes.Seen(1, 0, began_at)


def test_since_when_requests_wait_in_vain() -> None:
    known = takes.begin(T0, SPEC, workload(T0, Seen()), 0)
    looks = (Seen(2, 0, 2), Seen(2, 0, 2), Seen(1, 1, 2), Seen(1, 1, 2), Seen(0, 2, 2))
    since = []
    for second, seen in enumerate(looks, start=1):
        now = T0 + second
        known, _ = takes.look(now, SPEC, workload(now, seen), 0, known)
        since.append(None if known.untaken_since is None else known.untaken_since - T0)
    assert since == [1.0, 1.0, 3.0, 3.0, None]
