"""What is learned from starts: quantiles of seeded mixtures, changes, running and failed starts."""

import math
import random
from collections.abc import Callable
from functools import cache
from statistics import NormalDist, fmean

import pytest

from poolkeeper.core import tuning
from poolkeeper.core.learning.starts import lessons, start_time
from poolkeeper.core.learning.starts.start_time import StartSample, StartTimes
from poolkeeper.core.learning.state import initial_state, learn
from tests.unit.core.strategies import T0, spec_of, taught

Draw = Callable[[random.Random], float]
SEEDS = range(250)
SHARED = 20


def lognormal(median: float, sigma: float) -> Draw:
    return lambda rng: median * math.exp(sigma * rng.gauss(0.0, 1.0))


def two_modes(fast: float, slow: float, slow_share: float) -> Draw:
    return lambda rng: (slow if rng.random() < slow_share else fast) * math.exp(0.1 * rng.gauss(0.0, 1.0))


def after(draws: list[Draw], seed: int) -> StartTimes:
    """What is known after one start from each of the distributions."""
    rng = random.Random(seed)
    starts = tuple(draw(rng) for draw in draws)
    return entered(first(starts[:SHARED]), starts[SHARED:])


@cache
def first(starts: tuple[float, ...]) -> StartTimes:
    """What many tests begin with."""
    return entered(start_time.initial(60.0), starts)


def entered(times: StartTimes, starts: tuple[float, ...]) -> StartTimes:
    """What is known after these starts too."""
    for number, seconds in enumerate(starts, start=times.samples):
        times = start_time.enter(times, StartSample(f"{number}", 0.0, seconds, ready_at=seconds))
    return times


def share(holds: Callable[[int], bool]) -> float:
    return sum(map(holds, SEEDS)) / len(SEEDS)


def is_near(value: float, truth: float, tolerance: float = 0.2) -> bool:
    return abs(value / truth - 1.0) <= tolerance


MIXTURES = [
    pytest.param(lognormal(40.0, 0.0), 40.0, 40.0, id="constant"),
    pytest.param(lognormal(40.0, 0.3), 40.0, 40.0 * math.exp(0.3 * 1.645), id="lognormal-0.3"),
    pytest.param(lognormal(40.0, 0.4), 40.0, 40.0 * math.exp(0.4 * 1.645), id="lognormal-0.4"),
    pytest.param(two_modes(30.0, 120.0, 0.2), 30.9, 120.0 * math.exp(0.1 * 0.674), id="two-modes"),
]


@pytest.mark.parametrize(("draw", "median", "p95"), MIXTURES)
def test_the_median_is_known_after_five_starts(draw: Draw, median: float, p95: float) -> None:
    assert share(lambda seed: is_near(after([draw] * 5, seed).p50_seconds, median)) >= 0.7


@pytest.mark.parametrize(("draw", "median", "p95"), MIXTURES)
def test_the_p95_is_known_after_thirty_starts(draw: Draw, median: float, p95: float) -> None:
    assert share(lambda seed: is_near(after([draw] * 30, seed).p95_seconds, p95)) >= 0.9


@pytest.mark.parametrize("sigma", [0.3, 0.5])
@pytest.mark.parametrize(("starts", "most"), [(20, 2.5), (40, 1.5)])
@pytest.mark.parametrize("tail", [0.01, 0.0025])
def test_a_high_quantile_is_exceeded_hardly_more_often_than_it_says(
    sigma: float, starts: int, most: float, tail: float
) -> None:
    learned = [after([lognormal(40.0, sigma)] * starts, seed).quantile(tail) for seed in SEEDS]
    truth = NormalDist(math.log(40.0), sigma)
    exceeded = fmean(1.0 - truth.cdf(math.log(seconds)) for seconds in learned)
    assert 0.5 <= exceeded / tail <= most


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_change_of_regime_is_followed_within_five_starts(sigma: float, factor: float) -> None:
    draws = [lognormal(40.0, sigma)] * 20 + [lognormal(40.0 * factor, sigma)] * 5
    assert share(lambda seed: is_near(after(draws, seed).p50_seconds, 40.0 * factor, 0.3)) >= 0.5


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_change_of_both_modes_is_followed_within_five_starts(factor: float) -> None:
    before, since = two_modes(40.0, 150.0, 0.3), two_modes(40.0 * factor, 150.0 * factor, 0.3)
    followed = share(
        lambda seed: is_near(after([before] * 20 + [since] * 5, seed).p50_seconds, 41.6 * factor, 0.3)
    )
    assert followed >= 0.5


@pytest.mark.parametrize("draw", [lognormal(40.0, 0.3), lognormal(40.0, 0.5), two_modes(40.0, 150.0, 0.3)])
def test_one_regime_is_rarely_taken_for_two(draw: Draw) -> None:
    assert share(lambda seed: len(after([draw] * 30, seed).seconds) == 30) >= 0.7


def test_the_same_pod_counts_once() -> None:
    state = taught(spec_of(), (30.0,))
    again = learn(state, StartSample("pod-0", T0, T0 + 99.0, ready_at=T0 + 99.0))
    assert again is state


def test_a_start_that_outlasts_the_others_is_evidence_before_it_ends() -> None:
    state = taught(spec_of(), (30.0,) * 5)
    running = learn(state, StartSample("slow", T0, T0 + 300.0))
    assert running.starts.quantile(0.1) > 250.0
    assert running.starts.samples == 5
    ended = learn(running, StartSample("slow", T0, T0 + 320.0, ready_at=T0 + 320.0))
    assert (ended.starts.samples, ended.starts.running) == (6, ())


def test_a_failed_start_is_not_a_fast_one() -> None:
    state = taught(spec_of(), (30.0,) * 5)
    failed = learn(state, StartSample("bad", T0, T0 + 2.0, failed=True))
    assert failed.starts.p50_seconds == state.starts.p50_seconds
    assert (failed.starts.samples, failed.starts.failures) == (5, 1)


@pytest.mark.parametrize("seconds", [-5.0, 0.0, math.nan, math.inf, 1e9])
def test_impossible_durations_are_ignored(seconds: float) -> None:
    state = taught(spec_of(), (30.0,) * 3)
    assert learn(state, StartSample("odd", T0, T0, ready_at=T0 + seconds)) is state


def test_the_remaining_time_shrinks_with_age_and_never_ends_below_zero() -> None:
    times = after([two_modes(30.0, 120.0, 0.3)] * 20, seed=1)
    assert times.remaining(0.0, 0.1) > times.remaining(100.0, 0.1) > 0.0
    assert times.remaining(60.0, 0.5) > 40.0, "one that missed the fast mode is a slow one"
    assert times.remaining(10_000.0, 0.1) > 0.0


def test_quantiles_rise_with_the_certainty_asked_for() -> None:
    times = after([two_modes(30.0, 120.0, 0.3)] * 20, seed=2)
    levels = [times.quantile(tail) for tail in (0.9, 0.5, 0.2, 0.05, 0.01, 1e-3, 1e-4, 0.0)]
    assert levels == sorted(levels)


def test_phases_are_told_apart() -> None:
    state = initial_state(T0, spec_of())
    assert start_time.spreads(state.starts) is None
    for number in range(10):
        scheduled_at = T0 + (200.0 if number == 7 else 10.0)
        state = learn(state, seen_whole(f"{number}", scheduled_at))
    assert start_time.spreads(state.starts) == ((10.0, 200.0), (5.0, 5.0), (45.0, 45.0))


def seen_whole(uid: str, scheduled_at: float) -> StartSample:
    """A start that waits for a node until then, for its containers 5 s and for the model 45 s."""
    ready_at = scheduled_at + 50.0
    return StartSample(
        uid=uid,
        asked_at=T0,
        observed_at=ready_at,
        scheduled_at=scheduled_at,
        started_at=scheduled_at + 5.0,
        ready_at=ready_at,
    )


def test_instants_of_several_clocks_make_no_phase_negative() -> None:
    assert start_time.phases_between(10.0, 9.0, 8.0, 30.0) == (0.0, 0.0, 20.0)
    assert start_time.phases_between(10.0, 31.0, 40.0, 30.0) == (20.0, 0.0, 0.0)


def test_a_start_that_was_not_seen_whole_leaves_the_phases_alone() -> None:
    state = learn(initial_state(T0, spec_of()), seen_whole("whole", T0 + 10.0))
    state = learn(state, StartSample("ready at once", T0, T0 + 90.0, ready_at=T0 + 90.0))
    assert len(state.starts.phases) == len(state.starts.seconds) == 2
    assert start_time.spreads(state.starts) == ((10.0, 10.0), (5.0, 5.0), (45.0, 45.0))


def test_memory_is_bounded() -> None:
    state = taught(spec_of(), tuple(30.0 + number % 7 for number in range(200)))
    for number in range(50):
        state = learn(state, StartSample(f"running-{number}", T0, T0 + 40.0))
    assert len(state.starts.seconds) == tuning.REMEMBERED_STARTS
    assert len(state.starts.uids) == tuning.REMEMBERED_UIDS
    assert len(state.starts.running) == tuning.REMEMBERED_RUNNING_STARTS


def test_replicas_that_are_ready_at_once_are_learned_as_they_were_asked_for() -> None:
    """Whatever the order in which pods or replicas are listed."""
    early = StartSample("early", T0, T0 + 45.0, ready_at=T0 + 45.0)
    late = StartSample("late", T0 + 15.0, T0 + 45.0, ready_at=T0 + 45.0)
    assert lessons.in_order([late, early]) == lessons.in_order([early, late]) == [early, late]
