"""A pool that should be at zero says why its last replicas stay, and stops as soon as they may go."""

from dataclasses import replace

import pytest

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.policy.say import time_of_day
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import CLEAR, NOT_SEEN_YET, Demand, Replicas, Stop, Waiting
from poolkeeper.core.values.spec import PoolSpec
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

SPEC = spec_of(zero_mode=ZeroMode.FIXED, idle_seconds=5.0)
SETTLING = Waiting("Settling", "the new endpoints need up to 5 s to reach every node", T0 + 57.0)
IDLE_AT = T0 + 60.0


def after_a_minute(stop: Stop, demand: Demand, target: Replicas | None, spec: PoolSpec = SPEC) -> Decision:
    """The decision about a pool that has been idle for a minute."""
    state = taught(spec, (30.0,) * 6)
    for seconds in (0.0, 59.0):
        before = observe(reading(T0 + seconds), replicas(1))
        _, state = decide(T0 + seconds, spec, replace(before, stop=SETTLING), state)
    decision, _ = decide(IDLE_AT, spec, replace(observe(demand, target), stop=stop), state)
    return decision


@pytest.mark.parametrize(
    ("stop", "demand", "target", "expected", "reason"),
    [
        (SETTLING, reading(IDLE_AT), replicas(1), 1, Reason.HANDING_OVER),
        (SETTLING, reading(IDLE_AT), replicas(3), 3, Reason.HANDING_OVER),
        (NOT_SEEN_YET, reading(IDLE_AT), replicas(1), 1, Reason.HANDING_OVER),
        (CLEAR, reading(IDLE_AT), replicas(1), 0, Reason.STOP_IDLE),
        (CLEAR, reading(IDLE_AT), replicas(3), 0, Reason.STOP_IDLE),
        (SETTLING, reading(IDLE_AT), replicas(0), 0, Reason.AT_ZERO),
        (SETTLING, reading(IDLE_AT, (), 1), replicas(1), 1, Reason.BUSY),
        (SETTLING, reading(IDLE_AT, (1.0,)), replicas(1), 1, Reason.WITHIN_BUDGET),
        (SETTLING, unavailable(IDLE_AT), replicas(1), 1, Reason.DEMAND_UNKNOWN),
        (SETTLING, reading(IDLE_AT), None, 1, Reason.TARGET_UNKNOWN),
        (SETTLING, reading(IDLE_AT), replicas(1, starting_for=(0.1,)), 1, Reason.HANDING_OVER),
        (CLEAR, reading(IDLE_AT), replicas(1, starting_for=(0.1,)), 0, Reason.START_CANCELLED),
    ],
)
def test_what_is_decided(
    stop: Stop, demand: Demand, target: Replicas | None, expected: int, reason: Reason
) -> None:
    decision = after_a_minute(stop, demand, target)
    assert (decision.reason, decision.replicas) == (reason, expected), decision.message


def test_the_message_says_what_it_waits_for_and_since_when() -> None:
    decision = after_a_minute(SETTLING, reading(IDLE_AT), replicas(1))
    assert "idle for 60 s" in decision.message
    assert decision.message.endswith(
        "once the activators hold new requests "
        f"(waiting since {time_of_day(T0 + 57.0)}: the new endpoints need up to 5 s to reach every node)"
    )
    unknown = after_a_minute(NOT_SEEN_YET, reading(IDLE_AT), replicas(1))
    assert "(waiting: the operator has not read the Service and the activators yet)" in unknown.message


def test_a_floor_is_kept_whether_or_not_the_pool_may_stop() -> None:
    spec = replace(SPEC, min_replicas=1)
    decision = after_a_minute(SETTLING, reading(IDLE_AT), replicas(1), spec)
    assert (decision.replicas, decision.reason) == (1, Reason.AT_FLOOR)
    assert not decision.aims_at_zero


@pytest.mark.parametrize("stop", [SETTLING, CLEAR])
def test_both_ways_to_say_it_aim_at_zero(stop: Stop) -> None:
    assert after_a_minute(stop, reading(IDLE_AT), replicas(1)).aims_at_zero


def test_an_instant_is_written_as_the_time_of_day() -> None:
    assert time_of_day(1_000_000.9) == "13:46:40 UTC"
    assert time_of_day(0.0) == "00:00:00 UTC"
