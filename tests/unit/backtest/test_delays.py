"""Delayed starts make no more requests late than the objective allows, or than starts at once do anyway."""

import random

import pytest

from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.simulation.replay import Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.traces.trace import PoolTrace, sorted_pool

TOLERANCE = 0.001
"""A tenth of a point."""


def long_jobs(seed: int) -> PoolTrace:
    """Jobs of 20 to 50 s at random instants, one in fifteen minutes on average."""
    randomness, at = random.Random(seed), 0.0
    jobs = []
    for _ in range(1_000):
        at += randomness.expovariate(1 / 900)
        jobs.append((at, randomness.uniform(20, 50)))
    return sorted_pool("long jobs", jobs)


def late_share(requests: PoolTrace, objective_percent: float, start: StartMode) -> float:
    """Of the requests after the first fifty, with a constant start of 90 s and a budget of 120 s."""
    setting = Setting(budget_seconds=120.0, objective_percent=objective_percent, start=start)
    waits = Replay(requests, setting, Constant(90.0), Poolkeeper(setting)).run().waits[50:]
    return sum(wait > setting.budget_seconds for wait in waits) / len(waits)


@pytest.mark.parametrize("objective_percent", [98.0, 99.5])
def test_a_delay_reckons_with_the_job_that_comes_while_the_first_one_runs(objective_percent: float) -> None:
    """With only the deadlines of the jobs that wait in view, 3 % were late, three times as many as
    with starts at once."""
    requests = long_jobs(seed=9)
    at_once = late_share(requests, objective_percent, StartMode.IMMEDIATELY)
    delayed = late_share(requests, objective_percent, StartMode.AT_DEADLINE)
    assert delayed <= max(1 - objective_percent / 100, at_once + TOLERANCE)
