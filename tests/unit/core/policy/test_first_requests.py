"""How many replicas the first requests of a pool get, before it is known how long one takes."""

from dataclasses import replace

import pytest

from poolkeeper.api.pool import StartMode
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.state import PoolState, initial_state
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.spec import PoolSpec
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught

SPEC = spec_of(40, 60.0)
SERVICE_SECONDS = 10.0
"""What is assumed where nobody says anything."""


def first_readiness(
    spec: PoolSpec = SPEC, *, waited: float = 40.0, waiting: int = 60, state: PoolState | None = None
) -> tuple[Decision, PoolState]:
    """The first replica of a pool has just become ready, while many requests wait."""
    _, state = decide(T0 - 0.5, spec, observe(reading(T0 - 0.5), replicas(1, 0, (30.0,))), state or new(spec))
    return decide(T0, spec, observe(reading(T0, (waited,) * waiting), replicas(1)), state)


def new(spec: PoolSpec) -> PoolState:
    return initial_state(T0 - 100.0, spec)


@pytest.mark.parametrize(
    ("spec", "waited"),
    [
        # The first replica shows within 10 s, a sixth of the budget, how long a request takes.
        (SPEC, 40.0),
        # Never for longer than a quarter of the budget.
        (spec_of(40, 20.0), 10.0),
    ],
)
def test_more_are_asked_for_once_the_first_request_is_done_or_takes_long(
    spec: PoolSpec, waited: float
) -> None:
    decision, state = first_readiness(spec, waited=waited)
    awaited = min(SERVICE_SECONDS, 0.25 * spec.budget_seconds)
    assert (decision.replicas, decision.reason) == (1, Reason.WAITING_FOR_DEADLINE)
    assert f"known once a request is done, or in {awaited:.0f} s without one" in decision.message
    assert decision.due_at == T0 + awaited
    later, _ = decide(T0 + awaited, spec, observe(reading(T0, (waited,) * 60), replicas(1)), state)
    assert later.replicas > 1
    done = state._replace(service=ServiceRate(1.0, 8.0))
    at_once, _ = decide(T0 + 1.0, spec, observe(reading(T0 + 1.0, (waited,) * 60), replicas(1)), done)
    assert at_once.replicas > 1


@pytest.mark.parametrize(
    ("spec", "waited"),
    [
        # A request would be late before that.
        (SPEC, 51.0),
        (SPEC, 500.0),
        # The service time is declared.
        (replace(SPEC, expected_service_seconds=10.0), 40.0),
        # No start of this pool waits.
        (spec_of(40, 60.0, start=StartMode.IMMEDIATELY), 40.0),
        (replace(SPEC, objective_percent=99.99), 40.0),
    ],
)
def test_nothing_is_awaited_where_that_makes_a_request_late_or_tells_nothing(
    spec: PoolSpec, waited: float
) -> None:
    decision, _ = first_readiness(spec, waited=waited)
    assert decision.replicas > 1
    assert decision.reason is Reason.START_AT_ONCE


@pytest.mark.parametrize(
    ("declared", "needed"),
    [
        # Within 15 s (a quarter of the budget, and 1 s of tolerance) after a usual start. At 90 % of the rate
        # a job of 10 s takes 11 s: the replica takes two.
        (None, 12),
        (10.0, 12),
        (60.0, 24),
        # 4.4 s: four rounds.
        (4.0, 6),
        (1.0, 2),
    ],
)
def test_the_declared_service_time_decides_how_many_the_first_burst_gets(
    declared: float | None, needed: int
) -> None:
    spec = replace(SPEC, expected_service_seconds=declared)
    decision, _ = decide(T0, spec, observe(reading(T0, (0.0,) * 24), replicas(0)), new(spec))
    assert (decision.replicas, decision.reason) == (needed, Reason.START_AT_ONCE), decision.message


def test_what_was_learned_outweighs_the_declared_service_time() -> None:
    learned = ServiceRate(200.0, 200.0)
    for declared in (None, 1.0, 100.0):
        spec = replace(SPEC, expected_service_seconds=declared)
        assert learned.per_replica(spec) == pytest.approx(1.0, rel=0.4)
    assert ServiceRate().per_replica(replace(SPEC, expected_service_seconds=4.0)) == 0.25
    assert ServiceRate().per_replica(spec_of(concurrency=4)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("declared", "completions", "is_load"), [(None, 0.0, False), (None, 1.0, True), (1.0, 0.0, True)]
)
def test_a_growing_queue_is_no_load_in_replicas_before_the_first_completion(
    declared: float | None, completions: float, is_load: bool
) -> None:
    spec = replace(spec_of(40, 120.0, concurrency=4), expected_service_seconds=declared)
    state = taught(spec, (90.0,))._replace(service=ServiceRate(completions, 0.25 * completions))
    reasons = set()
    for second in range(1, 60):
        ages = tuple(float(age) for age in range(second, 0, -1) for _ in range(8))
        shown = reading(T0 + second, ages, arrived=len(ages))
        decision, state = decide(T0 + second, spec, observe(shown, replicas(1, 0, (1.0,))), state)
        reasons.add(decision.reason)
    assert (Reason.START_AHEAD in reasons) is is_load
