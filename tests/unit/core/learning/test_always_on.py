"""What would be late if all replicas were always ready: the same as in a replay of such a pool."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace
from poolkeeper.core.learning.lateness.always_on import AlwaysOn, arrive
from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.state import initial_state
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.spec import PoolSpec
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

PROVEN = 100.0
"""Completed requests: enough to believe the service rate."""


def followed(spec: PoolSpec, arrivals: list[tuple[float, int]], service_seconds: float) -> AlwaysOn:
    known = AlwaysOn()
    for at, requests in arrivals:
        known = arrive(known, spec, T0 + at, requests, spec.concurrency / service_seconds, PROVEN)
    return known


def test_the_last_of_four_at_once_is_late_behind_one_replica_and_not_behind_two() -> None:
    known = followed(spec_of(budget_seconds=60.0, max_replicas=1), [(0.0, 4)], 28.0)
    assert known.replicas == (1, 2, 4)
    assert list(known.late) == [1, 0, 0]
    assert known.requests == 4


@pytest.mark.parametrize(
    ("apart", "late"),
    [
        (28.0, 0),  # each comes as the one before is done
        (20.0, 4),  # each waits 8 s more than the one before: the ninth of twelve waits 64 s
    ],
)
def test_a_queue_behind_one_replica_grows_by_what_it_can_not_work_off(apart: float, late: int) -> None:
    arrivals = [(number * apart, 1) for number in range(12)]
    known = followed(spec_of(budget_seconds=60.0, max_replicas=1), arrivals, 28.0)
    assert known.late[0] == pytest.approx(late, abs=0.1)


@given(
    gaps=st.lists(st.floats(0.0, 120.0), min_size=1, max_size=40),
    service_seconds=st.floats(1.0, 90.0),
    budget_seconds=st.floats(1.0, 200.0),
)
def test_behind_one_replica_as_many_are_late_as_in_a_replay(
    gaps: list[float], service_seconds: float, budget_seconds: float
) -> None:
    arrivals = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    trace = PoolTrace("pool", array("d", arrivals), array("d", [service_seconds] * len(arrivals)))
    waits = waits_when_always_on(trace, 1)
    known = followed(
        spec_of(budget_seconds=budget_seconds, max_replicas=1), [(at, 1) for at in arrivals], service_seconds
    )
    # A wait that equals the budget may be on either side of it, by the rounding of floating-point numbers.
    surely, at_most = late_in(waits, budget_seconds + 0.001), late_in(waits, budget_seconds - 0.001)
    assert 0.95 * surely <= known.late[0] <= at_most


@given(
    arrivals=st.lists(st.tuples(st.floats(0.0, 60.0), st.integers(1, 20)), min_size=1, max_size=30),
    concurrency=st.integers(1, 8),
    most=st.integers(1, 10),
)
def test_more_replicas_are_never_late_more_often(
    arrivals: list[tuple[float, int]], concurrency: int, most: int
) -> None:
    spec = spec_of(budget_seconds=30.0, max_replicas=most, concurrency=concurrency)
    known = followed(
        spec, [(sum(gap for gap, _ in arrivals[:at]), n) for at, (_, n) in enumerate(arrivals)], 20.0
    )
    assert list(known.late) == sorted(known.late, reverse=True)
    assert known.late[0] <= known.requests


def test_nothing_is_counted_while_the_service_time_is_a_guess() -> None:
    spec = spec_of(max_replicas=1)
    assert arrive(AlwaysOn(), spec, T0, 50, 0.1, 4.0) == AlwaysOn()


@pytest.mark.parametrize(("budget_seconds", "max_replicas"), [(60.0, 2), (90.0, 1)])
def test_another_declaration_begins_a_new_count(budget_seconds: float, max_replicas: int) -> None:
    known = followed(spec_of(budget_seconds=60.0, max_replicas=1), [(0.0, 40)], 28.0)
    spec = spec_of(budget_seconds=budget_seconds, max_replicas=max_replicas)
    after = arrive(known, spec, T0 + 10_000, 1, 1 / 28, PROVEN)
    assert after.requests == 1
    assert sum(after.late) == 0


def test_the_counts_outlive_a_restart() -> None:
    spec = spec_of(budget_seconds=60.0, max_replicas=1)
    state = initial_state(T0, spec)._replace(always_on=followed(spec, [(0.0, 40)], 28.0))
    restored = restore(save(state), T0, spec).always_on
    assert restored.late == state.always_on.late
    assert restored.requests == state.always_on.requests


def test_counts_for_another_declaration_are_not_restored() -> None:
    spec = spec_of(budget_seconds=60.0, max_replicas=1)
    state = initial_state(T0, spec)._replace(always_on=followed(spec, [(0.0, 40)], 28.0))
    assert restore(save(state), T0, spec_of(budget_seconds=90.0, max_replicas=1)).always_on == AlwaysOn()


def test_what_came_while_demand_was_unknown_did_not_come_at_once() -> None:
    """600 requests of 5 s, one each 6 s, while the source can't be read for an hour."""
    spec, at = spec_of(max_replicas=1), T0 - 3600.0
    state = taught(spec, (5.0,) * 5, at)._replace(service=ServiceRate(100.0, 500.0))
    for seen_at, demand in (
        (at, reading(at, (), 1)),
        (at + 1.0, unavailable(at + 1.0)),
        (T0, reading(T0, (), 1, arrived=600, completed=600)),
    ):
        decision, state = decide(seen_at, spec, observe(demand, replicas(1)), state)
    assert state.always_on.requests == 0.0
    assert decision.budget_attainable.reason == "StartFitsBudget"
    assert spec.concurrency / state.service.per_replica(spec) == pytest.approx(5.0, abs=0.2)
