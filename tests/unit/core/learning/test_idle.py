"""How long an idle pool stays up, and when it starts ahead, for callers of different kinds."""

import random
from itertools import accumulate

import pytest

from poolkeeper.core.learning import gaps, idle
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.idle import Terms

DEFERRED = Terms(restart=90.0, covers=180.0)
AT_ONCE = Terms(restart=90.0, covers=90.0)
LATE_COSTS = Terms(restart=90.0, covers=90.0, late_cost_seconds=900.0)


def after(pauses: list[float]) -> Gaps:
    seen = gaps.initial()
    for at in accumulate(pauses):
        seen = gaps.arrive(seen, at, 1)
    return seen


def periodic(seconds: float) -> Gaps:
    rng = random.Random(1)
    return after([seconds * (1.0 + 0.02 * rng.gauss(0.0, 1.0)) for _ in range(60)])


def poisson(seconds: float) -> Gaps:
    rng = random.Random(2)
    return after([rng.expovariate(1.0 / seconds) for _ in range(300)])


def test_without_evidence_waiting_costs_at_most_as_much_as_a_restart() -> None:
    assert idle.timeout(gaps.initial(), 0.0, AT_ONCE) == 0.0
    assert idle.timeout(gaps.initial(), 0.0, Terms(restart=90.0, covers=30.0)) == 60.0


@pytest.mark.parametrize("seconds", [30.0, 300.0, 3_000.0])
def test_memoryless_requests_are_not_waited_for_where_a_start_can_wait(seconds: float) -> None:
    assert idle.timeout(poisson(seconds), 1.0, DEFERRED) < 1.0


def test_a_request_that_is_about_to_come_is_waited_for() -> None:
    assert idle.timeout(periodic(100.0), 85.0, DEFERRED) > 10.0


def test_after_a_periodic_call_the_pool_stops_within_seconds() -> None:
    assert idle.timeout(periodic(600.0), 2.0, LATE_COSTS) < 5.0


def test_where_a_restart_breaks_promises_the_pool_waits_longer() -> None:
    seen = poisson(120.0)
    assert idle.timeout(seen, 1.0, LATE_COSTS) > idle.timeout(seen, 1.0, AT_ONCE)


def test_a_periodic_caller_finds_the_pool_started_ahead() -> None:
    age = idle.start_ahead_age(periodic(600.0), 5.0, 90.0, LATE_COSTS)
    assert 350.0 < age < 510.0


def test_nothing_is_started_ahead_where_the_budget_lets_a_start_wait() -> None:
    assert idle.start_ahead_age(periodic(600.0), 5.0, 90.0, DEFERRED) == float("inf")


def test_a_burst_does_not_wash_away_what_is_known_about_long_gaps() -> None:
    seen = after([600.0] * 30 + [1.0] * 2_000)
    survivors = [reached[gaps.bin_of(600.0)] for reached in seen.reached]
    assert max(survivors) > 20.0


def test_ages_that_no_gap_has_reached_are_judged_by_those_nearby() -> None:
    """Gaps that mostly end within minutes, and of which those that don't have ended before half an hour."""
    seen, never = after([30.0, 45.0, 60.0, 120.0, 240.0, 900.0] * 20), gaps.initial()
    beyond = gaps.bin_of(2_000.0)
    assert seen.hazards()[beyond] > 1.2 * never.hazards()[beyond]


def test_a_period_stays_sharp_among_the_gaps_nearby() -> None:
    hazards = periodic(600.0).hazards()
    at = gaps.bin_of(600.0)
    assert max(hazards[at - 1 : at + 2]) > 10.0 * hazards[at - 4]
