"""Callers with habits: a pool whose starts outlast the budget learns when their working day begins."""

import math
import random

import pytest

from poolkeeper.core.learning import gaps, idle
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.idle import Terms
from poolkeeper.core.learning.saved import restore, save
from tests.unit.core.strategies import spec_of, taught

HOUR, DAY = 3_600.0, 86_400.0
FIRST_MONDAY = 4 * DAY
"""1 January 1970 was a Thursday."""
START_SECONDS = 90.0
LATE_COSTS = Terms(restart=90.0, covers=90.0, late_cost_seconds=1_800.0)
DEFERRED = Terms(restart=90.0, covers=180.0)


def midnight(week: int, weekday: int) -> float:
    return FIRST_MONDAY + (7 * week + weekday) * DAY


def after_weeks(weeks: int, first_hour: float = 9.0, seen: Gaps | None = None, begin: int = 0) -> Gaps:
    """Requests every few minutes, Monday to Friday, for seven hours from about `first_hour` on."""
    rng = random.Random(5)
    seen = seen or gaps.initial()
    for week in range(begin, begin + weeks):
        for weekday in range(5):
            at = midnight(week, weekday) + first_hour * HOUR + rng.gauss(0.0, 300.0)
            until = midnight(week, weekday) + (first_hour + 7.0) * HOUR
            while at < until:
                seen = gaps.arrive(seen, at, 1)
                at += rng.expovariate(1.0 / 170.0)
    return seen


def start_after(seen: Gaps, at: float, terms: Terms = LATE_COSTS) -> float:
    """When a pool starts ahead that is at zero and looks at it at this instant."""
    return seen.arrived_at + idle.start_ahead_age(seen, at - seen.arrived_at, START_SECONDS, terms)


def test_the_first_request_of_a_working_day_finds_the_pool_started() -> None:
    at = start_after(after_weeks(4), midnight(4, 0))
    assert midnight(4, 0) + 8.4 * HOUR < at < midnight(4, 0) + 9.0 * HOUR


def test_on_saturday_nobody_is_expected() -> None:
    assert start_after(after_weeks(4), midnight(3, 5)) > midnight(3, 6)


@pytest.mark.parametrize(("minutes", "mornings"), [(0, 3), (10, 12), (20, 25)])
def test_the_more_mornings_vary_the_more_it_takes_to_go_by_the_clock(minutes: float, mornings: int) -> None:
    rng = random.Random(1)
    seen, taken = gaps.initial(), 0
    while not seen.daytime.is_proven:
        first = midnight(*divmod(taken, 5)) + 9 * HOUR + rng.gauss(0.0, 60.0 * minutes)
        for call in range(100):
            seen = gaps.arrive(seen, first + call * 240.0, 1)
        taken += 1
    assert taken <= mornings


def test_two_mornings_are_no_habit() -> None:
    seen = gaps.initial()
    for weekday in range(2):
        seen = gaps.arrive(seen, midnight(0, weekday) + 9 * HOUR, 1)
    assert not seen.daytime.is_proven


def test_whoever_keeps_to_a_period_is_foretold_by_it_at_any_time_of_the_day() -> None:
    seen = gaps.initial()
    for call in range(200):
        seen = gaps.arrive(seen, FIRST_MONDAY + call * 7 * HOUR, 1)
    assert not seen.daytime.is_proven


def test_a_new_habit_is_followed() -> None:
    seen = after_weeks(4, first_hour=13.0, begin=6, seen=after_weeks(6))
    assert midnight(10, 0) + 12.4 * HOUR < start_after(seen, midnight(10, 0)) < midnight(10, 0) + 13.0 * HOUR


def test_where_the_budget_lets_a_start_wait_nothing_is_started_ahead() -> None:
    assert start_after(after_weeks(4), midnight(4, 0), DEFERRED) == math.inf


@pytest.mark.parametrize("seed", range(5))
def test_requests_without_habits_are_not_taken_to_have_some(seed: int) -> None:
    rng = random.Random(seed)
    seen, at = gaps.initial(), FIRST_MONDAY
    for _ in range(300):
        at += rng.expovariate(1.0 / (5 * HOUR))
        seen = gaps.arrive(seen, at, 1)
    assert start_after(seen, at + HOUR) == math.inf


def test_a_habit_outlives_a_restart() -> None:
    spec = spec_of()
    state = taught(spec, (START_SECONDS,) * 40)._replace(gaps=after_weeks(6))
    saved = save(state)
    assert len(saved) <= 4096
    restored = restore(saved, state.clock, spec).gaps
    monday = midnight(6, 0)
    assert start_after(restored, monday) == pytest.approx(start_after(state.gaps, monday), abs=900.0)
