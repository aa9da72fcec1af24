"""The account of the promise: what is late, by what, and over which time."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning import history, promise
from poolkeeper.core.learning.promise import (
    NEVER,
    WINDOWS,
    Late,
    Obstacles,
    Promise,
    Spell,
    Tally,
    late_among,
)
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.observation import ArrivalBucket, Held, Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

HOUR, DAY, MONTH = WINDOWS
BUDGET = 10.0
SEEN = Obstacles(blind=NEVER)
"""Demand was known all the time, and nothing but starts was in the way."""


def since(began_at: float) -> Spell:
    return Spell(T0 + began_at, math.inf)


@pytest.mark.parametrize(
    ("waited", "obstacles", "expected"),
    [
        (9.0, SEEN, Late()),
        (50.0, SEEN, Late(start=1)),
        (50.0, SEEN._replace(ceiling=since(-45.0)), Late(ceiling=1)),
        (50.0, SEEN._replace(ceiling=since(-30.0)), Late(start=1)),
        (50.0, SEEN._replace(ceiling=Spell(T0 - 50.0, T0 - 10.0)), Late(ceiling=1)),
        (50.0, SEEN._replace(ceiling=Spell(T0 - 90.0, T0 - 60.0)), Late(start=1)),
        (50.0, SEEN._replace(quota=since(-45.0), ceiling=since(-45.0)), Late(quota=1)),
        (10.3, SEEN._replace(quota=since(-0.5)), Late(start=1)),
        (50.0, SEEN._replace(blind=since(-45.0), quota=since(-45.0)), Late(unknown=1)),
        (50.0, SEEN._replace(blind=Spell(T0 - 20.0, T0 - 19.0)), Late(start=1)),
        (50.0, Obstacles(), Late(unknown=1)),
    ],
)
def test_a_request_is_late_by_what_it_would_have_been_in_time_without(
    waited: float, obstacles: Obstacles, expected: Late
) -> None:
    assert late_among((ArrivalBucket(T0 - waited, 1),), 1, T0, BUDGET, obstacles) == expected


def test_the_oldest_requests_are_taken_first() -> None:
    waiting = (ArrivalBucket(T0 - 30.0, 3), ArrivalBucket(T0 - 20.0, 5), ArrivalBucket(T0 - 5.0, 9))
    assert late_among(waiting, 4, T0, BUDGET, SEEN) == Late(start=4)
    assert late_among(waiting, math.inf, T0, BUDGET, SEEN) == Late(start=8)


@pytest.mark.parametrize(
    ("age", "in_hour", "in_day", "in_month"),
    [
        (60.0, 7, 7, 7),
        (3_601.0, 0, 7, 7),
        (22 * 3_600.0, 0, 7, 7),
        (24 * 3_600.0, 0, 0, 7),
        (27 * 86_400.0, 0, 0, 7),
        (30 * 86_400.0, 0, 0, 0),
    ],
)
def test_each_window_forgets_in_its_own_time(age: float, in_hour: int, in_day: int, in_month: int) -> None:
    account = Promise().enter(T0 - age, 7, Late(start=2))
    assert [account.over(window, T0).taken for window in WINDOWS] == [in_hour, in_day, in_month]
    assert account.total == Tally(7, Late(start=2))


@given(st.lists(st.tuples(st.floats(-7e6, 0.0), st.integers(1, 50), st.integers(0, 50)), max_size=200))
def test_windows_hold_what_was_counted_in_them_and_little_room(entries: list[tuple[float, int, int]]) -> None:
    account = Promise()
    for age, taken, late in sorted(entries):
        account = account.enter(T0 + age, taken, Late(start=min(late, taken)))
    for window, cells in zip(WINDOWS, account.windows, strict=True):
        assert len(cells) <= window.cells
        surely = sum(taken for age, taken, _ in entries if -age <= window.cell_seconds * (window.cells - 1))
        at_most = sum(taken for age, taken, _ in entries if -age <= window.cell_seconds * window.cells)
        assert surely <= account.over(window, T0).taken <= at_most
    numbers = list(promise.to_numbers(account))
    again = promise.from_numbers(numbers, account.total.taken, T0)
    assert again == account._replace(counted_at=float(int(account.counted_at)))


def test_requests_counted_out_of_order_stay_in_the_window() -> None:
    account = Promise().enter(T0, 1, Late()).enter(T0 - 700.0, 1, Late())
    assert account.over(HOUR, T0).taken == 2
    assert account.counted_at == T0


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0] * 7,
        [-1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 7, 0, 0],
        [0, 0, 0, 0, 0, 1, 10**12, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 2, 5, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 5, -1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 9],
    ],
)
def test_numbers_of_anything_else_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="promise"):
        promise.from_numbers(numbers, 0, T0)


@pytest.mark.parametrize("ahead", [2.0, 700.0, 86_400.0, 25 * 86_400.0])
def test_what_a_clock_that_was_ahead_has_counted_counts_as_taken_now(ahead: float) -> None:
    """Such as that of the leader before. With the account, all that the pool has learned would be refused."""
    account = Promise().enter(T0 - 1.0, 1, Late()).enter(T0 + ahead, 2, Late(start=1))
    again = promise.from_numbers(list(promise.to_numbers(account)), account.total.taken, T0)
    assert again.total == account.total
    assert again.counted_at <= T0
    for window in promise.WINDOWS:
        assert again.over(window, T0).late == Late(start=1)
        assert again.over(window, T0).taken >= 2
    assert promise.from_numbers(list(promise.to_numbers(again)), 3, T0) == again


SPEC = spec_of(max_replicas=2, budget_seconds=BUDGET)
UNADMITTED = Replicas(2, 1, (StartingReplica(T0 - 20.0, Stage.UNADMITTED),))


@pytest.mark.parametrize(
    ("before", "seen_before", "allowed", "expected"),
    [
        (replicas(1), True, None, Late(start=3)),
        (replicas(2), True, None, Late(ceiling=3)),
        (replicas(1), True, 1, Late(quota=3)),
        (UNADMITTED, True, None, Late(quota=3)),
        (replicas(1), False, None, Late(unknown=3)),
        (None, True, None, Late(start=3)),
    ],
    ids=["start", "ceiling", "quota", "unadmitted", "unknown", "target-unknown"],
)
def test_what_a_look_sees_becomes_the_cause(
    before: Replicas | None, *, seen_before: bool, allowed: int | None, expected: Late
) -> None:
    """Three requests wait from T0 - 20 s to T0, with the pool as it is `before`."""
    state = taught(SPEC, (5.0,) * 5)
    waiting = reading(T0 - 20.0, (0.0,) * 3, arrived=3)
    known = observe(waiting, before, ceiling=allowed)
    _, state = decide(T0 - 20.0, SPEC, known, state)
    between = known if seen_before else observe(unavailable(T0 - 19.0), before)
    _, state = decide(T0 - 19.0, SPEC, between, state)
    taken = observe(reading(T0, (), 3, arrived=3), before or replicas(1))
    _, state = decide(T0, SPEC, taken, state)
    assert state.promise.total == Tally(3, expected)
    assert state.promise.over(HOUR, T0) == state.promise.total


def test_what_waits_while_writes_are_held_back_is_not_late_by_the_start() -> None:
    state = taught(SPEC, (5.0,) * 5)
    held = Held(T0 + 40.0, "argocd-controller (Apply)")
    _, state = decide(T0 - 20.0, SPEC, observe(reading(T0 - 20.0, (0.0,), arrived=1), replicas(1)), state)
    waiting = replace(reading(T0 - 19.0, (1.0,)), arrived=1)
    _, state = decide(T0 - 19.0, SPEC, observe(waiting, replicas(1), held=held), state)
    _, state = decide(T0, SPEC, observe(reading(T0, (), 1, arrived=1), replicas(1), held=held), state)
    assert state.promise.total.late == Late(unknown=1)


def test_the_balance_forgives_only_what_arrived_at_a_full_pool() -> None:
    """The account names the ceiling also where the requests came while the last replica was starting."""
    state = taught(SPEC, (5.0,) * 5)
    _, state = decide(T0 - 60.0, SPEC, observe(reading(T0 - 60.0, (0.0,), arrived=1), replicas(1)), state)
    waiting = replace(reading(T0 - 57.0, (3.0,)), arrived=1)
    _, state = decide(T0 - 57.0, SPEC, observe(waiting, replicas(2)), state)
    balance = state.objective.balance
    _, state = decide(T0, SPEC, observe(reading(T0, (), 1, arrived=1), replicas(2)), state)
    assert state.promise.total.late == Late(ceiling=1)
    assert state.objective.balance < balance


spells = st.tuples(st.floats(-80.0, 0.0), st.floats(0.0, 60.0) | st.just(math.inf)).map(
    lambda ends: Spell(T0 + ends[0], T0 + ends[0] + ends[1])
)


@given(
    st.lists(st.tuples(st.floats(0.0, 90.0), st.integers(1, 9)), max_size=8),
    st.integers(0, 40),
    st.builds(Obstacles, spells, spells, spells),
)
def test_each_late_request_has_one_cause(
    waiting: list[tuple[float, int]], taken: int, obstacles: Obstacles
) -> None:
    """The causes add up to what the balance of the objective calls late, or late by capacity."""
    buckets = tuple(ArrivalBucket(T0 - age, requests) for age, requests in sorted(waiting, reverse=True))
    queued = sum(bucket.requests for bucket in buckets)
    before = replace(reading(T0 - 1.0), queued=queued, waiting=buckets)
    after = replace(reading(T0), queued=max(0, queued - taken))
    flow = history.between(before, after, SPEC, obstacles)
    assert flow.taken == min(taken, queued)
    assert flow.late_by.total == flow.late + flow.capacity_late <= flow.taken
