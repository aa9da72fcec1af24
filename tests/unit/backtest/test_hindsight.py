"""Hindsight is the best of rules that can be replayed: each costs what its replay costs."""

from array import array
from statistics import mean

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poolkeeper.backtest.controllers.timeouts import Static
from poolkeeper.backtest.optimum.frontier import cheapest
from poolkeeper.backtest.optimum.hindsight import frontier, pool_frontier
from poolkeeper.backtest.optimum.one_replica import best_schedule
from poolkeeper.backtest.optimum.static import Grid, Rules
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal, StartTimes
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.generators import generate
from poolkeeper.backtest.traces.trace import PoolTrace
from tests.unit.backtest.traces import pool, replayed

SETTING = Setting(budget_seconds=60)
RULES = [
    (idle, delay, service)
    for idle in (0.0, 7.3, 60.0, 1e9)
    for delay in (0.0, 20.0, 60.0)
    for service in (0.0, 9.0)
]
sixteenths = st.integers(0, 12) | st.integers(0, 3200)
"""Instants that are closer than a millionth of a second count as the same in a replay, so none are drawn."""
requests = st.lists(
    st.tuples(sixteenths.map(lambda n: n / 16), st.just(0.0) | sixteenths.map(lambda n: n / 32)),
    min_size=1,
    max_size=12,
)


def of(gaps_and_services: list[tuple[float, float]]) -> PoolTrace:
    """A pool whose requests come with these gaps between them and take these service times."""
    gaps, services = zip(*gaps_and_services, strict=True)
    return PoolTrace("pool", array("d", np.cumsum(gaps)), array("d", services))


def replay(requests: PoolTrace, rule: tuple[float, ...], start_times: StartTimes, seed: int = 0) -> Outcome:
    idle, delay, service = rule
    setting = Setting(SETTING.budget_seconds, seed=seed)
    controller = Static(idle=idle, delay=delay, service=service, poll=SETTING.poll_seconds)
    return Replay(requests, setting, start_times, controller, ends_at=300.0).run()


@settings(max_examples=40, deadline=None)
@given(requests)
@example([(0.4375, 0.0), (88.0, 35.5), (0.25, 64.0), (0.125, 0.0), (10.75, 0.0), (199.5, 65.0), (0.0, 0.0)])
def test_many_rules_at_once_cost_what_each_one_costs_in_a_replay(drawn: list[tuple[float, float]]) -> None:
    trace, start_times, seeds = of(drawn), Lognormal(40.0, 0.5), (3, 4)
    rules = Rules(*map(np.array, zip(*RULES, strict=True)))
    found = Grid(trace, SETTING, start_times, rules, ends_at=300.0, seeds=seeds).run()
    for place, rule in enumerate(RULES):
        outcomes = [replay(trace, rule, start_times, seed) for seed in seeds]
        late = mean(late_in(outcome.waits, SETTING.budget_seconds) for outcome in outcomes)
        assert found.late[place] == late, rule
        seconds = mean(outcome.accelerator_seconds for outcome in outcomes)
        assert found.accelerator_seconds[place] == pytest.approx(seconds, abs=1e-3), rule


def test_each_point_of_a_frontier_is_a_policy_that_can_be_replayed() -> None:
    (trace,) = generate("generate:poisson,rate=6,hours=200,service=20", 1).pools
    for point in pool_frontier(trace, SETTING, Constant(40.0), trace.arrivals[-1]):
        outcome = replayed(point.name, trace, SETTING, Constant(40.0))
        assert late_in(outcome.waits, SETTING.budget_seconds) == point.late
        assert outcome.accelerator_seconds == pytest.approx(point.accelerator_seconds, rel=1e-4)


def test_hindsight_costs_at_least_the_optimum_and_at_most_any_fixed_timeout() -> None:
    trace = generate("generate:poisson,rate=6,hours=200,service=20,pools=2", 1)
    setting, start_times = Setting(budget_seconds=60), Constant(40.0)
    points = frontier(trace.pools, setting, start_times, trace.ends_at)
    optima = 0.0
    for each in trace.pools:
        longest = [max(60.0, wait) for wait in waits_when_always_on(each, 1)]
        optima += best_schedule(each.arrivals, each.services, longest, 45.0).accelerator_seconds
    assert points[0].accelerator_seconds > optima
    for idle in (0, 60, 300):
        outcomes = [replayed(f"fixed:idle={idle}", each, setting, start_times) for each in trace.pools]
        late = sum(late_in(outcome.waits, 60.0) for outcome in outcomes)
        least = cheapest(points, late)
        assert least is not None
        assert least <= sum(outcome.accelerator_seconds for outcome in outcomes) + 1e-6


def test_a_start_that_outlasts_the_budget_is_paid_for_with_idling() -> None:
    """A request every 100 s, budget 0: all are late, or the replica stays up and only the first one is."""
    trace = pool([100.0 * number for number in range(20)], 5)
    points = pool_frontier(trace, Setting(budget_seconds=0), Constant(40.0))
    assert [point.late for point in points] == [1, 20]
    assert points[0].accelerator_seconds == pytest.approx(1900, rel=0.01)
    assert points[-1].name.startswith("static:idle=0,")


def test_a_queue_makes_the_start_earlier() -> None:
    """The fourth of four jobs of 30 s at once waits 90 s longer than the first one."""
    trace = pool([0, 0, 0, 0, 1000, 3000], 30)
    setting = Setting(budget_seconds=180)
    outcomes = {
        service: replayed(f"static:idle=0,delay=130,service={service}", trace, setting, Constant(40.0))
        for service in (0, 30)
    }
    assert [late_in(outcome.waits, 180.0) for outcome in outcomes.values()] == [3, 0]
    assert outcomes[30].waits[4] == pytest.approx(outcomes[0].waits[4])
