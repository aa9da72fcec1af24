"""Informed is the cheapest that knowing the requests, but not the next start time, makes possible."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.backtest.optimum import hindsight
from poolkeeper.backtest.optimum.frontier import cheapest
from poolkeeper.backtest.optimum.informed import Plan, Starts, frontier, pool_frontier
from poolkeeper.backtest.optimum.one_replica import best_schedule
from poolkeeper.backtest.simulation.replay import Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal, Samples
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.generators import generate
from poolkeeper.backtest.traces.trace import PoolTrace
from poolkeeper.core.baselines.controller import NEVER, Pool
from tests.unit.backtest.traces import pool

FAST, SLOW, TERMINATION = 3, 8, 5
requests = st.lists(st.tuples(st.integers(0, 18), st.integers(0, 8)), min_size=1, max_size=6)


def of(gaps_and_services: list[tuple[int, int]]) -> PoolTrace:
    """A pool whose requests come with these gaps between them and take these service times."""
    arrivals, at = [], 0.0
    for gap, _ in gaps_and_services:
        at += gap
        arrivals.append(at)
    return pool(arrivals, [float(service) for _, service in gaps_and_services])


class EveryWay:
    """The least expected cost by trying, second by second, to start or to wait and to stop or to idle.

    A start takes FAST or SLOW seconds, each half of the time, and comes before a waiting request is late.
    """

    def __init__(self, trace: PoolTrace, budget: int, price: float) -> None:
        self.arrivals, self.services = trace.arrivals, trace.services
        self.budget, self.price = budget, price
        self.always_on = waits_when_always_on(trace, 1)

    def least(self) -> float:
        return self.at_zero(int(self.arrivals[0]) - SLOW, 0)

    @cache  # noqa: B019
    def at_zero(self, now: int, taken: int) -> float:
        if taken == len(self.arrivals):
            return 0.0
        start = self.starting(now, now, taken)
        if now >= self.arrivals[taken] + self.budget:
            return start
        return min(start, self.at_zero(now + 1, taken))

    @cache  # noqa: B019
    def starting(self, now: int, asked_at: int, taken: int) -> float:
        if now - asked_at == SLOW:
            return self.up(now, now, taken)
        longer = 1 + self.starting(now + 1, asked_at, taken)
        return mean([longer, self.up(now, now, taken)]) if now - asked_at == FAST else longer

    @cache  # noqa: B019
    def up(self, now: int, free_at: int, taken: int) -> float:
        if free_at > now:
            return free_at - now + self.up(free_at, free_at, taken)
        if taken == len(self.arrivals):
            return TERMINATION
        wait = now - self.arrivals[taken]
        if wait < 0:
            return min(TERMINATION + self.at_zero(now, taken), 1 + self.up(now + 1, now + 1, taken))
        is_late = wait > self.budget and self.always_on[taken] <= self.budget
        return self.price * is_late + self.up(now, now + int(self.services[taken]), taken + 1)


@settings(max_examples=100, deadline=None)
@given(requests, st.integers(0, 20), st.sampled_from([0.0, 2.0, 7.0, 30.0, 1000.0]))
def test_it_is_what_trying_every_way_finds(drawn: list[tuple[int, int]], budget: int, price: float) -> None:
    trace, start_times = of(drawn), Samples((FAST, SLOW))
    plan = Plan(trace, Setting(budget), Starts.on_grid(start_times, budget), [price])
    assert plan.down[0, 0] == pytest.approx(EveryWay(trace, budget, price).least())


@settings(max_examples=300, deadline=None)
@given(requests, st.integers(0, 20))
def test_with_a_constant_start_and_no_late_request_it_is_the_exact_optimum(
    drawn: list[tuple[int, int]], budget: int
) -> None:
    trace = of(drawn)
    longest = [max(float(budget), wait) for wait in waits_when_always_on(trace, 1)]
    optimum = best_schedule(trace.arrivals, trace.services, longest, 10.0 + TERMINATION)
    first = pool_frontier(trace, Setting(budget), Constant(10.0))[0]
    unavoidable = late_in(waits_when_always_on(trace, 1), budget)
    assert first.late == unavoidable
    if unavoidable == 0:
        assert first.accelerator_seconds == pytest.approx(optimum.accelerator_seconds)
    assert first.accelerator_seconds <= optimum.accelerator_seconds + 1e-6, "what is late may wait longer"


class Follows:
    """Does in a replay what a plan says, with the requests known."""

    wake_at = 0.0

    def __init__(self, plan: Plan, arrivals: Sequence[float]) -> None:
        self._plan, self._arrivals = plan, arrivals
        self._wanted = 0

    def sees_requests_at(self, now: float) -> float:
        return now

    def sees_replicas_at(self, now: float) -> float:
        return now

    def step(self, now: float, pool: Pool) -> int:
        self.wake_at = NEVER
        if pool.queued == 0 and pool.in_flight == 0 and not pool.starting:
            self._wanted = self._when_empty(now, pool)
        elif not self._wanted and pool.queued:
            self._wanted = self._start_or_wait(now, pool)
        return self._wanted

    def _when_empty(self, now: float, pool: Pool) -> int:
        if pool.tail == len(self._arrivals):
            return 0
        head, gap = self._head(pool), self._arrivals[pool.tail] - now
        if pool.ready and gap + self._plan.up[0, head] < TERMINATION + self._plan.down[0, head]:
            return 1
        return self._start_or_wait(now, pool) if not pool.desired else 0

    def _start_or_wait(self, now: float, pool: Pool) -> int:
        due_at = self._arrivals[pool.head] + self._plan.asked_at[0, self._head(pool)] - 0.1
        self.wake_at = due_at if due_at > now + 1e-6 else NEVER
        return int(due_at <= now + 1e-6)

    def _head(self, pool: Pool) -> int:
        return int(np.searchsorted(self._plan.heads, pool.head))


@pytest.mark.parametrize("price", [30.0, 300.0, 3000.0])
def test_a_replay_that_follows_the_plan_costs_what_was_computed(price: float) -> None:
    (trace,) = generate("generate:poisson,rate=15,hours=20,service=20", 1).pools
    setting, start_times = Setting(budget_seconds=150), Lognormal(90.0, 0.4)
    plan = Plan(trace, setting, Starts.on_grid(start_times, 150.0), [price])
    outcomes = [
        Replay(trace, Setting(150, seed=seed), start_times, Follows(plan, trace.arrivals)).run()
        for seed in range(20)
    ]
    seconds = mean(outcome.accelerator_seconds for outcome in outcomes)
    late = mean(late_in(outcome.waits, 150.0) for outcome in outcomes)
    assert seconds == pytest.approx(plan.accelerator_seconds[0], rel=0.01)
    assert late == pytest.approx(plan.late[0], abs=1.0)


def test_between_the_optimum_and_hindsight() -> None:
    """The less is known, the dearer: optimum, informed, hindsight."""
    trace = generate("generate:poisson,rate=6,hours=200,service=20,pools=2", 1)
    setting, start_times = Setting(budget_seconds=180), Lognormal(90.0, 0.3)
    points = frontier(trace.pools, setting, start_times)
    fixed = hindsight.frontier(trace.pools, setting, start_times, trace.ends_at)
    for percent in (0.2, 0.5, 1.0, 5.0):
        late = percent / 100 * trace.requests
        best, best_fixed = cheapest(points, late), cheapest(fixed, late)
        assert best is not None
        assert best_fixed is not None
        assert best < best_fixed
    optima = 0.0
    for each in trace.pools:
        longest = [max(180.0, wait) for wait in waits_when_always_on(each, 1)]
        optima += best_schedule(
            each.arrivals, each.services, longest, start_times.mean_seconds + TERMINATION
        ).accelerator_seconds
    assert points[0].accelerator_seconds > optima
    assert all(one.accelerator_seconds > other.accelerator_seconds for one, other in pairwise(points))
