"""What a restart costs, with the requests that it makes late, and how long a pool idles to save it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Lognormal
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.core.learning import gaps, idle
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.idle import Terms
from poolkeeper.core.learning.lateness.objective import Objective
from poolkeeper.core.policy.outlook import terms
from tests.unit.backtest.traces import pool
from tests.unit.core.strategies import spec_of, taught

FITS, EXCEEDS = 60.0, 10.0
"""Budgets in seconds, for starts of 30 s."""
STARTS = (30.0,) * 20


@pytest.mark.parametrize(
    ("budget", "price", "restarts", "late", "seconds"),
    [
        pytest.param(EXCEEDS, 2.0, 0, 0.0, 60, id="before a restart was seen, one request is expected late"),
        pytest.param(EXCEEDS, 2.0, 1, 5.0, 180, id="one restart counts as much as that guess"),
        pytest.param(EXCEEDS, 2.0, 39, 5.0, 294, id="many restarts outweigh the guess"),
        pytest.param(EXCEEDS, 10.0, 39, 5.0, 512, id="5 late requests are worth at most 17 starts"),
        pytest.param(EXCEEDS, 10.0, 39, 60.0, 398, id="60 late requests are worth at most 13 starts"),
        pytest.param(FITS, 10.0, 0, 0.0, 0, id="starts that fit the budget are expected to make none late"),
        pytest.param(FITS, 10.0, 39, 0.2, 58.5, id="but what they do make late has its price"),
    ],
)
def test_what_the_late_requests_of_a_restart_are_worth(
    budget: float, price: float, restarts: int, late: float, seconds: float
) -> None:
    spec = spec_of(max_replicas=1, budget_seconds=budget)
    account = Objective(price=price, restarts=restarts, late_per_restart=late)
    found = terms(spec, taught(spec, STARTS)._replace(objective=account))
    assert found.restart == pytest.approx(30.0 + spec.node_tail_seconds, rel=0.02)
    assert found.late_cost_seconds == pytest.approx(seconds, rel=0.03, abs=0.5)


def learned(pauses: list[float]) -> Gaps:
    seen, at = gaps.initial(), 0.0
    for pause in pauses:
        at += pause
        seen = gaps.arrive(seen, at, 1)
    return seen


pauses = st.lists(st.floats(0.5, 100_000.0), max_size=40)
costs = st.floats(0.0, 10_000.0)


@given(pauses, costs, costs)
def test_the_more_a_late_request_costs_the_longer_a_pool_idles(
    pauses: list[float], one: float, other: float
) -> None:
    known, (low, high) = learned(pauses), sorted((one, other))
    cheap, dear = (
        idle.timeout(known, 1.0, Terms(90.0, 90.0, late_cost_seconds=cost)) for cost in (low, high)
    )
    assert dear >= cheap


@given(st.floats(0.1, 1_000.0), st.floats(0.0, 1_000.0))
def test_without_late_requests_and_evidence_idling_costs_as_much_as_a_restart(
    restart: float, covers: float
) -> None:
    found = idle.timeout(gaps.initial(), 0.0, Terms(restart, covers))
    assert found == pytest.approx(max(0.0, restart - covers))


SETTING = Setting(budget_seconds=120)
CALLS = [at for session in range(400) for at in (900.0 * session, 900.0 * session + 240.0)]
"""Two calls within four minutes, every quarter of an hour."""


def replayed(objective_percent: float) -> tuple[Outcome, int]:
    """Starts of 90 s of which one in five takes longer than the budget of 120 s, begun at once."""
    setting = replace(SETTING, objective_percent=objective_percent)
    starts = Lognormal(90.0, 0.34)
    outcome = Replay(pool(CALLS, 5.0), setting, starts, Poolkeeper(setting)).run()
    return outcome, late_in(outcome.waits, setting.budget_seconds)


def test_a_stricter_objective_keeps_a_pool_up_whose_restarts_make_requests_late() -> None:
    (loose, late), (strict, fewer_late) = replayed(90.0), replayed(99.9)
    assert strict.accelerator_seconds > 1.1 * loose.accelerator_seconds
    assert fewer_late < 0.8 * late
