"""Many replicas with starts that outlast the budget, replayed beside Knative: the first minutes, the hours,
and what is left when the load has gone."""

import random
from functools import cache
from itertools import accumulate

import pytest

from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.replays import replayed
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.traces.generators import generate
from tests.unit.backtest.traces import pool

PROMISES = ((30.0, 20.0), (90.0, 60.0), (240.0, 120.0))
"""Start times and budgets."""
REQUESTS, PER_SECOND, SERVICE_SECONDS = 4000, 4.0, 4.0


def arrivals() -> list[float]:
    """Four requests a second at random for a quarter of an hour, then nothing: four busy replicas."""
    chance = random.Random(1)
    return list(accumulate(chance.expovariate(PER_SECOND) for _ in range(REQUESTS)))


@cache
def outcome(policy: str, start: float, budget: float, drains: bool = True) -> Outcome:
    setting = Setting(budget_seconds=budget, concurrency=4, max_replicas=16, drains=drains)
    trace = pool(arrivals(), SERVICE_SECONDS)
    return replayed(trace, trace.arrivals[-1], setting, Constant(start), parse_policy(policy))


def seconds_under_load(outcome: Outcome) -> float:
    """Replica-seconds until a minute after the last request: how long the last replica idles is another
    matter."""
    ends_at = arrivals()[-1] + 60.0
    noted = [each for each in outcome.replicas_over_time if each[0] < ends_at]
    until = [at for at, _, _ in noted[1:]] + [ends_at]
    return sum(desired * (end - at) for (at, desired, _), end in zip(noted, until, strict=True))


@pytest.mark.parametrize(("start", "budget"), PROMISES)
def test_no_more_are_late_than_under_knative_for_fewer_hours(start: float, budget: float) -> None:
    ours, knative = outcome("poolkeeper", start, budget), outcome("knative", start, budget)
    assert late_in(ours.waits, budget) <= late_in(knative.waits, budget)
    ours_seconds, knative_seconds = map(seconds_under_load, (ours, knative))
    assert ours_seconds <= knative_seconds


@pytest.mark.parametrize("drains", [True, False])
@pytest.mark.parametrize(("start", "budget"), [*PROMISES, (240.0, 300.0)])
def test_all_but_one_are_gone_a_minute_after_the_load(start: float, budget: float, drains: bool) -> None:
    ours = outcome("poolkeeper", start, budget, drains)
    left_at = arrivals()[-1] + SERVICE_SECONDS
    gone_at = next(at for at, desired, _ in ours.replicas_over_time if at > left_at and desired <= 1)
    assert gone_at - left_at <= 60.0 + 10.0


@pytest.mark.parametrize(("start", "budget"), PROMISES)
def test_the_last_one_is_gone_after_a_few_restarts(start: float, budget: float) -> None:
    ours = outcome("poolkeeper", start, budget)
    assert ours.ended_at - arrivals()[-1] <= 3.0 * start + 30.0


def test_a_stricter_objective_starts_a_second_replica_sooner_beside_a_long_job() -> None:
    """One replica is busy half of the time with jobs of 28 s on average, some of which take minutes."""
    (requests,) = generate("generate:poisson,rate=60,hours=40,service=28", 0).pools

    def late(objective_percent: float) -> int:
        setting = Setting(budget_seconds=120, objective_percent=objective_percent, max_replicas=2)
        found = replayed(requests, 0.0, setting, Constant(20.0), parse_policy("poolkeeper"))
        return late_in(found.waits, setting.budget_seconds)

    assert late(99.9) < 0.6 * late(90.0)
