"""How depths become dated demand: arrivals, in-flight work, orphans, restarts and outages."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.tuning import ARRIVAL_BUCKETS
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import ArrivalBucket, Reading, Unavailable
from poolkeeper.core.values.spec import SourceSpec
from poolkeeper.core.values.unmoved import Entries, Idle, Unmoved
from tests.unit.core.strategies import T0, unavailable

SPEC = SourceSpec("queue", max_service_seconds=100.0)


def sample(
    age: float,
    queued: int,
    in_flight: int | None = 0,
    *,
    marker: str = "",
    server: str = "a",
    look: str | Idle | None = None,
    untouched: float | None = None,
) -> Sample:
    """`look` has one letter for each request in flight."""
    found = Entries(tuple(look)) if isinstance(look, str) else look
    return Sample(
        "queue",
        T0 + age,
        queued,
        in_flight,
        marker,
        server_id=server,
        in_flight_look=found,
        untouched_seconds=untouched,
    )


def after(*samples: Sample | Unavailable) -> Ledger:
    ledger = Ledger.empty("queue")
    for taken in samples:
        ledger = record(ledger, taken, SPEC)
    return ledger


def reading(*samples: Sample | Unavailable) -> Reading:
    demand = after(*samples).demand
    assert isinstance(demand, Reading)
    return demand


def test_a_source_that_was_never_read_is_unknown() -> None:
    demand = Ledger.empty("queue").demand
    assert isinstance(demand, Unavailable)
    assert demand.reason == "NotReadYet"


@pytest.mark.parametrize(
    ("samples", "waiting"),
    [
        ([sample(0, 0), sample(1, 2)], [(0, 2)]),
        ([sample(0, 2)], [(-0.5, 2)]),
        ([sample(0, 0), sample(1, 2), sample(2, 3)], [(0, 2), (1, 1)]),
        ([sample(0, 0), sample(1, 2), sample(2, 3), sample(3, 2)], [(0, 1), (1, 1)]),
        ([sample(0, 0), sample(1, 2), sample(2, 1, 2)], [(1, 1)]),
        ([sample(0, 0), sample(1, 2), unavailable(T0 + 2), sample(60, 3)], [(0, 2), (1, 1)]),
        ([sample(0, 3), sample(5, 0)], []),
    ],
)
def test_what_appeared_between_two_polls_is_dated_to_the_earlier(
    samples: list[Sample | Unavailable], waiting: list[tuple[float, int]]
) -> None:
    assert reading(*samples).waiting == tuple(ArrivalBucket(T0 + age, number) for age, number in waiting)


def test_the_arrival_that_the_queue_knows_corrects_the_dates() -> None:
    known = Sample("queue", T0 + 10, 2, 0, oldest_arrived_at=T0 + 7)
    assert reading(sample(0, 0), known).waiting == ((T0 + 7, 2),)


@pytest.mark.parametrize(
    ("second", "arrived", "completed"),
    [
        (sample(1, 0, 2), 2, 0),
        (sample(1, 0, 1, marker="x"), 2, 1),
        (sample(1, 1, 1, marker="x"), 3, 1),
        (sample(1, 0, 0), 1, 1),
    ],
)
def test_flows_are_the_least_that_explains_the_depths(second: Sample, arrived: int, completed: int) -> None:
    seen = reading(sample(0, 0, 1, marker="w"), second)
    assert (seen.arrived, seen.completed) == (arrived, completed)


@pytest.mark.parametrize(
    ("before", "after", "flows"),
    [
        ((0, 0, "4-0"), (0, 0, "4-0"), (0, 0)),
        ((0, 0, "4-0"), (0, 0, "5-0"), (1, 1)),
        ((0, 0, "4-0"), (0, 0, "9-0"), (1, 1)),
        ((0, 0, "4-0"), (0, 0, "1-0"), (0, 0)),
        ((0, 0, "4-0"), (0, 1, "5-0"), (1, 0)),
        ((0, 3, "4-0"), (0, 2, "4-0"), (0, 1)),
        ((0, 3, "4-0"), (0, 2, "5-0"), (1, 2)),
        ((2, 0, "4-0"), (2, 0, "5-0"), (1, 1)),
        ((2, 0, "4-0"), (0, 0, "6-0"), (0, 2)),
    ],
)
def test_the_last_taken_request_shows_one_that_came_and_went_between_two_polls(
    before: tuple[int, int, str], after: tuple[int, int, str], flows: tuple[int, int]
) -> None:
    """A stream names the last entry that it delivered."""
    samples = [
        replace(sample(age, queued, in_flight), last_taken=last_taken)
        for age, (queued, in_flight, last_taken) in enumerate((before, after))
    ]
    first, second = reading(samples[0]), reading(*samples)
    assert (second.arrived - first.arrived, second.completed) == flows
    assert (first.trail != second.trail) == (before[2] != after[2])


@pytest.mark.parametrize(
    ("before", "after", "server", "arrived"),
    [
        (7, 8, "a", 1),
        (7, 12, "a", 5),
        (7, 7, "a", 1),
        (7, 2, "a", 1),
        (None, 12, "a", 1),
        (7, None, "a", 1),
        (7, 12, "b", 1),
    ],
)
def test_a_source_that_counts_says_how_many_came_and_went(
    before: int | None, after: int | None, server: str, arrived: int
) -> None:
    """Another last request is one at least. Counts of two servers are not compared."""
    first = replace(sample(0, 1, 0), last_taken="4-0", taken=before, server_id="a")
    second = replace(sample(1, 1, 0), last_taken="5-0", taken=after, server_id=server)
    seen = reading(first, second)
    assert (seen.arrived - 1, seen.completed) == (arrived, arrived)


def test_work_that_does_not_move_for_longer_than_a_request_takes_is_orphaned() -> None:
    stuck = [sample(age, 0, 2, marker="m") for age in (0, 50, 101)]
    assert (reading(*stuck[:2]).in_flight, reading(*stuck[:2]).orphaned) == (2, 0)
    assert (reading(*stuck).in_flight, reading(*stuck).orphaned) == (0, 2)
    with_new_work = reading(*stuck, sample(102, 0, 3, marker="n"))
    assert (with_new_work.in_flight, with_new_work.orphaned) == (1, 2)
    removed = reading(*stuck, sample(103, 0, 0))
    assert (removed.in_flight, removed.orphaned) == (0, 0)


def test_orphans_are_found_one_by_one_beside_work() -> None:
    looks = ("as", "bs", "cs", "ds", "es")
    polls = [sample(30.0 * at, 0, 2, marker=look, look=look) for at, look in enumerate(looks)]
    found = reading(*polls)
    assert (found.in_flight, found.orphaned, found.unmoved) == (1, 1, Unmoved(1, T0))
    put_back = reading(*polls, sample(130, 1, 1, marker="a", look="e"))
    assert (put_back.in_flight, put_back.orphaned) == (1, 0)


def test_without_a_declared_limit_nothing_is_orphaned_but_what_has_not_moved_is_known() -> None:
    polls = [sample(1_000.0 * at, 0, 1, look="s") for at in range(5)]
    ledger = Ledger.empty("queue")
    for taken in polls:
        ledger = record(ledger, taken, SourceSpec("queue"))
    demand = ledger.demand
    assert isinstance(demand, Reading)
    assert (demand.in_flight, demand.orphaned, demand.unmoved) == (1, 0, Unmoved(1, T0))


def test_a_server_that_came_back_empty_is_marked_until_there_is_work_again() -> None:
    lost = reading(sample(0, 5, 1), sample(1, 0, 0, server="b"))
    assert (lost.emptied_at, lost.completed, lost.waiting) == (T0 + 1, 0, ())
    assert reading(sample(0, 5), sample(1, 0, server="b"), sample(2, 0, server="b")).emptied_at == T0 + 1
    assert reading(sample(0, 5), sample(1, 0, server="b"), sample(2, 1, server="b")).emptied_at is None
    assert reading(sample(0, 5), sample(1, 5, server="b")).emptied_at is None


def test_an_outage_keeps_its_beginning_and_the_dates() -> None:
    ledger = after(sample(0, 0), sample(1, 2), unavailable(T0 + 2), unavailable(T0 + 9))
    assert isinstance(ledger.demand, Unavailable)
    assert ledger.demand.since == T0 + 2


@pytest.mark.parametrize("late", [sample(-5, 9), sample(0.5, 9)])
def test_a_sample_delivered_late_changes_nothing(late: Sample) -> None:
    before = after(sample(0, 0), sample(1, 2))
    assert record(before, late, SPEC) is before


@pytest.mark.parametrize("odd", [sample(1, -1), sample(1, 0, -2), sample(math.nan, 0)])
def test_impossible_numbers_are_unknown_not_zero(odd: Sample) -> None:
    demand = after(sample(0, 3), odd).demand
    assert isinstance(demand, Unavailable)
    assert demand.reason == "ImpossibleReading"


@given(
    st.lists(
        st.tuples(st.floats(0.1, 50.0), st.integers(0, 500), st.none() | st.integers(0, 50)), max_size=150
    )
)
def test_the_buckets_always_add_up(polls: list[tuple[float, int, int | None]]) -> None:
    ledger, now = Ledger.empty("queue"), 0.0
    for pause, queued, in_flight in polls:
        now += pause
        ledger = record(ledger, sample(now, queued, in_flight), SPEC)
        demand = ledger.demand
        assert isinstance(demand, Reading)
        assert sum(bucket.requests for bucket in demand.waiting) == queued
        assert len(demand.waiting) <= ARRIVAL_BUCKETS
        dates = [bucket.arrived_at for bucket in demand.waiting]
        assert dates == sorted(dates)
        assert all(bucket.requests > 0 and bucket.arrived_at <= T0 + now for bucket in demand.waiting)


@pytest.mark.parametrize(
    ("polls", "touched_at"),
    [
        ([(0, "x", None), (150, "x", None)], 0),
        ([(0, "x", None), (150, "x", 150.0)], 0),
        ([(0, "x", None), (150, "x", 90.0)], 60),
        ([(0, "x", None), (150, "x", 90.0), (151, "x", 92.0)], 60),
        ([(0, "x", None), (150, "x", 90.0), (151, "x", None)], 60),
        ([(0, "x", None), (150, "x", 90.0), (151, "x", 0.5)], 150.5),
        ([(0, "x", None), (140, "xy", None), (150, "x", None)], 150),
        ([(0, "x", None), (150, "x", 90.0), (151, "", None), (152, "x", None), (260, "x", None)], 152),
        ([(0, "x", None), (50, "x", 0.0)], -math.inf),
        ([(0, "x", None), (140, Idle(0), None), (150, Idle(1, 150.0), None)], -math.inf),
    ],
)
def test_orphans_are_known_to_be_untouched_since(
    polls: list[tuple[float, str | Idle, float | None]], touched_at: float
) -> None:
    """Each poll: age, entries in flight (or what a stream says of its one), and for how long the server calls
    the list untouched. Without orphans, and where each entry is dated, no touch matters."""
    samples = []
    for age, look, untouched in polls:
        in_flight = len(look) if isinstance(look, str) else 1
        marker = look if isinstance(look, str) else "x"
        samples.append(sample(age, 0, in_flight, marker=marker, look=look or None, untouched=untouched))
    assert reading(*samples).touched_at == T0 + touched_at
