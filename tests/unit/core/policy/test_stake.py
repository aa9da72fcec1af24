"""What a pool says is at stake where it shares a quota, and how it gives way."""

import math
from dataclasses import replace

import pytest

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import Demand, Reading, Replicas
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.core.values.stake import Stake
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

SPEC = spec_of()
STARTS = (30.0, 31.0, 29.0, 30.0)


def decided(
    spec: PoolSpec, demand: Demand, target: Replicas, ceiling: int | None, polls: int = 1
) -> Decision:
    """The last of some decisions, half a second apart, on the same demand."""
    state = taught(spec, STARTS)
    for poll in range(polls):
        now = T0 + 0.5 * poll
        seen = replace(demand, observed_at=now) if isinstance(demand, Reading) else demand
        found, state = decide(now, spec, replace(observe(seen, target), ceiling=ceiling), state)
    return found


def test_a_pool_in_no_quota_has_no_stake() -> None:
    assert decided(SPEC, reading(T0), replicas(1), None).stake is None


@pytest.mark.parametrize(
    ("demand", "target", "expected"),
    [
        (reading(T0, (59.0,) * 3), replicas(0), Stake(0, 2, 0, 3, 1, T0 + 1.0)),
        (reading(T0, (), 2), replicas(2), Stake(2, 2)),
        (unavailable(T0), replicas(2), Stake(2, 2)),
        (reading(T0), replicas(1, starting_for=(5.0,)), Stake(1, 1)),
    ],
)
def test_what_is_at_stake(demand: Demand, target: Replicas, expected: Stake) -> None:
    found = decided(SPEC, demand, target, 0).stake
    assert found is not None
    assert found._replace(free_at=math.inf) == expected


def test_a_declared_floor_is_asked_for() -> None:
    found = decided(spec_of(min_replicas=2), reading(T0), replicas(0), 0).stake
    assert found is not None
    assert (found.wanted, found.floor) == (2, 2)


def test_an_idle_pool_gives_way_long_before_its_idle_time_is_over() -> None:
    patient = spec_of(zero_mode=ZeroMode.FIXED, idle_seconds=600.0)
    alone = decided(patient, reading(T0), replicas(1), None, polls=6)
    assert (alone.replicas, alone.reason) == (1, Reason.IDLE)
    shared = decided(patient, reading(T0), replicas(1), 0, polls=6)
    assert (shared.replicas, shared.reason) == (0, Reason.OUT_OF_BOUNDS)
    assert shared.message == "1 replica is more than the 0 that quota allows, so 1 is stopped"


def test_a_busy_pool_gives_way_to_nobody() -> None:
    found = decided(SPEC, reading(T0, (), 1), replicas(2), 0, polls=20)
    assert (found.replicas, found.reason) == (2, Reason.OUT_OF_BOUNDS)


def test_on_unknown_demand_nothing_is_given_away() -> None:
    assert decided(SPEC, unavailable(T0), replicas(2), 0, polls=20).replicas == 2


def test_a_pool_that_quota_holds_back_says_so() -> None:
    verdict = decided(spec_of(min_replicas=2), reading(T0), replicas(1), 1).within_limits
    assert (verdict.holds, verdict.reason) == (False, "AtQuota")
    assert verdict.message == "the pool needs 2 replicas, and quota allows 1 replica"
