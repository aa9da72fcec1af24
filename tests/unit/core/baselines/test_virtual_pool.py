"""The virtual pool of a bill pays what the backtest's replay of the same requests pays."""

import random

import pytest

from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.core.baselines.comparison import PHASE, Bounds, Comparison, Counted
from poolkeeper.core.baselines.virtual_pool import Usual, VirtualPool
from tests.unit.backtest.traces import pool, replayed

START, SERVICE = 60.0, 20.0
TOLERANCE = 0.02
"""Of the seconds paid: the virtual pool counts replicas that work, and does not say which."""


def bursts(seed: int, requests: int, gap: float) -> list[float]:
    """Requests that come alone and in groups."""
    drawn = random.Random(seed)
    at, found = 1.0, []
    for _ in range(requests):
        at += drawn.expovariate(1.0 / gap) if drawn.random() < 0.3 else drawn.uniform(0.0, 3.0)
        found.append(at)
    return found


def virtual(policy: str, arrivals: list[float], setting: Setting, ends_at: float) -> VirtualPool:
    controller = parse_policy(policy).controller(setting, "pool")
    made = VirtualPool(controller, setting.min_replicas, setting.max_replicas)
    usual = Usual(setting.concurrency, START, SERVICE, 0.0)
    for at in arrivals:
        made.offer(at, 1, usual)
    made.run(ends_at)
    return made


@pytest.mark.parametrize("policy", ["keda", "keda-http", "knative", "hpa"])
@pytest.mark.parametrize("gap", [100.0, 900.0])
@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (1, 4), (8, 4)])
def test_it_pays_what_the_replay_pays(policy: str, gap: float, concurrency: int, most: int) -> None:
    setting = Setting(budget_seconds=60.0, concurrency=concurrency, max_replicas=most)
    arrivals = bursts(7, 400, gap)
    outcome = replayed(policy, pool(arrivals, SERVICE), setting, Constant(START))
    made = virtual(policy, arrivals, setting, outcome.ended_at + 4000.0)
    assert made.paid == pytest.approx(outcome.accelerator_seconds, rel=TOLERANCE)
    assert made.completed == len(arrivals)


def test_the_node_tail_is_paid_until_another_replica_takes_the_node() -> None:
    setting = Setting(budget_seconds=60.0)
    controller = parse_policy("keda").controller_at(setting, 0.0)
    made = VirtualPool(controller, 0, 1)
    made.offer(1.0, 1, Usual(1, START, SERVICE, 600.0))
    made.run(5000.0)
    # Up at the poll of 30 s, ready at 90.1, done at 110.1; the last active poll is at 90 s, and the first one
    # after its cooldown of 300 s at 420 s. Then 5 s until it is gone, and the tail.
    assert made.paid == pytest.approx(420.1 - 30.1 + 5.0 + 600.0, abs=31.0)
    assert made.is_at_rest


BOUNDS = Bounds(floor=0, ceiling=2, concurrency=1, is_held=False, drains=True)
USUAL = Usual(1, START, SERVICE, 0.0)


def test_requests_that_come_once_are_paid_for_once_and_then_nothing_is_left() -> None:
    compared = Comparison(0.0)
    assert compared.follow(0.0, BOUNDS, USUAL, [Counted("jobs", 0, 0)]) is None
    keda = knative = 0.0
    for second in range(1, 1500):
        paid = compared.follow(float(second), BOUNDS, USUAL, [Counted("jobs", 1, 0)])
        if paid is not None:
            keda, knative = keda + paid.keda, knative + paid.knative
            assert paid.until <= second
    alone = virtual("keda", [1.0], Setting(60.0, max_replicas=2), 2000.0)
    assert keda == pytest.approx(alone.paid, abs=31.0)
    # 70 % of one request at a time makes two replicas.
    assert 140.0 < knative < 2 * (60.0 + 20.0 + 60.0 + 10.0)
    assert compared._pools == ()


def test_what_a_source_has_when_it_is_first_read_is_served_too() -> None:
    compared = Comparison(0.0)
    compared.follow(0.0, BOUNDS, USUAL, [Counted("jobs", 0, 3)])
    paid = compared.follow(1000.0, BOUNDS, USUAL, [Counted("jobs", 0, 0)])
    assert paid is not None
    assert paid.keda > 3 * SERVICE


def test_a_day_without_a_look_is_followed_in_a_few_steps() -> None:
    bounds = BOUNDS._replace(floor=1)
    compared = Comparison(0.0)
    compared.follow(0.0, bounds, USUAL, [Counted("jobs", 0, 1)])
    paid = compared.follow(86_400.0, bounds, USUAL, [Counted("jobs", 0, 0)])
    assert paid is not None
    assert paid.keda == pytest.approx(86_400.0, rel=0.02)
    assert PHASE == 0.5
