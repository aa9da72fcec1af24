"""How many replicas a load needs ahead of its requests where a start outlasts the budget."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning.load import Average, Load
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import outlook
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Reason
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, survey_of, taught

SPEC = spec_of(16, budget_seconds=20.0, drains=True)
STARTS = (30.0,) * 6


def loaded(busy: float, *, reserve: float = 0.0, rise: float = 0.0, price: float = 10.0) -> PoolState:
    """A pool with starts of 30 s that works on so many requests, each of which takes 4 s."""
    state = taught(SPEC, STARTS)
    offered = Load(Average(busy), Average(busy), reserve=reserve, rise=rise)
    service = ServiceRate(completions=2500.0, busy_seconds=10_000.0)
    return state._replace(load=offered, service=service, objective=state.objective._replace(price=price))


def needed(state: PoolState, waiting: int = 0, loading_seconds: float = 0.0) -> float:
    workload = survey_of(SPEC, reading(T0, (0.0,) * waiting, 6))
    offered = outlook.offered_load(SPEC, workload, state)
    return outlook.needed_ahead(SPEC, workload, state, offered, loading_seconds)


@pytest.mark.parametrize(
    ("state", "waiting", "loading_seconds", "expected"),
    [
        # Without a reserve the queue has room for more: 6 × 30 / (30 + 0.7 × 19).
        (loaded(6.0), 0, 0.0, 4.16),
        # A queue of 26 requests at 0.25 a second is worth 104 s more.
        (loaded(6.0), 26, 0.0, 6.56),
        # Two replicas that need 10 s more miss 20 s.
        (loaded(6.0), 26, 20.0, 7.02),
        # One deviation of a rise by 2: (6 + 2) × 30 / 43.3.
        (loaded(6.0, reserve=1.0, rise=4.0), 0, 0.0, 5.54),
        # A late request that is worth nearly nothing is worth no reserve.
        (loaded(6.0, reserve=1.0, rise=4.0, price=0.001), 0, 0.0, 4.16),
        # Without load there is nothing to reserve for.
        (loaded(0.0, reserve=4.0, rise=4.0), 0, 0.0, 0.0),
    ],
)
def test_the_replicas_that_keep_the_queue_short_until_a_start_is_ready(
    state: PoolState, waiting: int, loading_seconds: float, expected: float
) -> None:
    assert needed(state, waiting, loading_seconds) == pytest.approx(expected, abs=0.05)


def test_nothing_is_needed_ahead_where_a_start_fits_the_budget() -> None:
    spec = replace(SPEC, budget_seconds=60.0)
    state = loaded(6.0, reserve=4.0, rise=4.0)
    workload = survey_of(spec, reading(T0, (), 6))
    assert outlook.needed_ahead(spec, workload, state, outlook.offered_load(spec, workload, state), 0.0) == 0


@given(st.floats(0.0, 20.0), st.floats(0.0, 4.0), st.floats(0.0, 4.0), st.floats(0.0, 9.0))
def test_a_larger_reserve_never_needs_fewer(busy: float, reserve: float, more: float, rise: float) -> None:
    fewer, many = (
        needed(loaded(busy, reserve=each, rise=rise)) for each in (reserve, min(reserve + more, 4.0))
    )
    assert fewer <= many


@given(st.floats(0.0, 20.0), st.integers(0, 40), st.floats(0.0, 40.0), st.floats(0.0, 4.0))
def test_none_stops_while_one_loads(busy: float, waiting: int, age: float, reserve: float) -> None:
    state = loaded(busy, reserve=reserve, rise=4.0)
    demand = reading(T0, (1.0,) * waiting, round(busy))
    decision, _ = decide(T0, SPEC, observe(demand, replicas(8, starting_for=(age,))), state)
    assert decision.replicas >= 8


def test_a_steady_load_has_no_replica_more_and_one_that_comes_has_them_at_once() -> None:
    steady = observe(reading(T0, (), 6), replicas(6))
    decision, _ = decide(T0, SPEC, steady, loaded(6.0))
    assert (decision.replicas, decision.reason) == (6, Reason.BUSY)
    comes = observe(reading(T0, tuple(10.0 - 0.2 * number for number in range(50))), replicas(0))
    decision, _ = decide(T0, SPEC, comes, loaded(0.0))
    assert decision.replicas == 16


@pytest.mark.parametrize(("busy", "share"), [(0.0, 1.0), (1.0, 1.0), (6.0, 1.0 / 6.0)])
def test_one_replica_that_stays_up_saves_its_share_of_what_a_load_makes_late(
    busy: float, share: float
) -> None:
    one, many = (outlook.terms(SPEC, loaded(each)).late_cost_seconds for each in (1.0, busy))
    assert many == pytest.approx(share * one)
