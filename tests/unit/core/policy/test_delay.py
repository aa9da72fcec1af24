"""How long the start that waiting requests need is delayed, by what delays have done so far."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning import gaps
from poolkeeper.core.learning.lateness.objective import LEAST_BALANCE, MOST_BALANCE, Objective
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.policy.starting import plan_starts, shorten_delay
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.demand import survey
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught

SPEC = spec_of(max_replicas=1, budget_seconds=120.0)


def known(
    balance: float = 0.0, least_balance: float = 0.0, gap: float = 3600.0, job: float = 2.0
) -> PoolState:
    """A pool whose starts and jobs take 60 s and `job` seconds, and where one comes after each gap."""
    state = taught(SPEC, (60.0,) * 20)
    arrivals = gaps.initial()
    for number in range(20, 0, -1):
        arrivals = gaps.arrive(arrivals, T0 - number * gap, 1)
    account = Objective(balance, per_start=1.0, least_balance=least_balance, taken=100.0)
    service = state.service._replace(completions=50.0, busy_seconds=50.0 * job)
    return state._replace(gaps=arrivals, objective=account, service=service)


def delayed_until(state: PoolState) -> float:
    """Seconds after its arrival at which the start for a request begins that has just come."""
    decision, _ = decide(T0, SPEC, observe(reading(T0, (0.0,)), replicas(0)), state)
    if decision.replicas:
        return 0.0
    assert decision.reason is Reason.WAITING_FOR_DEADLINE
    assert decision.due_at is not None
    return decision.due_at - T0


def test_a_start_waits_as_long_as_the_budget_leaves_where_nobody_comes_meanwhile() -> None:
    assert 45.0 < delayed_until(known()) < 58.0


def test_a_start_waits_less_where_the_next_job_would_wait_for_the_first() -> None:
    assert delayed_until(known(gap=120.0, job=100.0)) < 10.0


@pytest.mark.parametrize(
    ("balance", "least_balance", "share"),
    [
        (0.0, 0.0, 1.0),
        (-2.0, -2.0, 0.37),
        # Other causes have used up the objective: delays keep to the little that they always may do.
        (LEAST_BALANCE, 0.0, 1.0),
        (LEAST_BALANCE, -2.0, 0.37),
        # Nothing is left: the start is not delayed at all.
        (LEAST_BALANCE, LEAST_BALANCE, 0.0),
    ],
)
def test_a_start_waits_less_while_delays_make_too_many_late(
    balance: float, least_balance: float, share: float
) -> None:
    longest = delayed_until(known())
    assert delayed_until(known(balance, least_balance)) == pytest.approx(share * longest, abs=5.0)


balances = st.floats(LEAST_BALANCE, MOST_BALANCE)


@given(balances, balances, st.floats(1.0, 4_000.0), st.floats(0.0, 60.0), st.integers(1, 9))
def test_a_delay_is_only_ever_shortened(
    balance: float, least_balance: float, gap: float, age: float, requests: int
) -> None:
    """The latest start that keeps the deadlines of those that wait stays the latest."""
    state, target = known(balance, least_balance, gap), replicas(0)
    workload = survey(T0, SPEC, observe(reading(T0, (age,) * requests), target), 0.0)
    plan = plan_starts(T0, SPEC, workload, target, 1, state)
    if not plan.late:
        shortened, after = shorten_delay(T0, SPEC, workload, target, plan, state)
        assert T0 <= shortened.start_at <= plan.start_at or shortened.start_at == T0
        again, _ = shorten_delay(T0, SPEC, workload, target, plan, after)
        assert again == shortened
        assert math.isfinite(shortened.start_at)
