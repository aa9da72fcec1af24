"""What is decided in typical situations, as tables."""

import math
from dataclasses import replace

import pytest

from poolkeeper.api.pool import StartMode, WhenUnattainable, ZeroMode
from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.observation import Demand, Replicas
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

STARTS = (30.0, 31.0, 29.0, 30.0, 30.5, 29.5) * 2
SPEC = spec_of()
UNSEEN = spec_of(source=SourceSpec("queue", sees_in_flight=False, max_service_seconds=600.0))


@pytest.mark.parametrize(
    ("spec", "demand", "target", "expected", "reason"),
    [
        (SPEC, reading(T0), replicas(0), 0, Reason.AT_ZERO),
        (SPEC, reading(T0, (1.0,)), replicas(0), 0, Reason.WAITING_FOR_DEADLINE),
        (SPEC, reading(T0, (23.0,)), replicas(0), 1, Reason.START_FOR_DEADLINE),
        (SPEC, reading(T0, (59.0,)), replicas(0), 1, Reason.START_AT_ONCE),
        (spec_of(start=StartMode.IMMEDIATELY), reading(T0, (0.0,)), replicas(0), 1, Reason.START_AT_ONCE),
        (replace(SPEC, objective_percent=99.99), reading(T0, (0.0,)), replicas(0), 1, Reason.START_AT_ONCE),
        (spec_of(budget_seconds=20.0), reading(T0, (0.0,)), replicas(0), 1, Reason.START_AT_ONCE),
        (SPEC, reading(T0, (30.0,)), replicas(1, starting_for=(5.0,)), 1, Reason.STARTING),
        (spec_of(1), reading(T0, (), 1), replicas(1, starting_for=(5.0,)), 1, Reason.STARTING),
        (SPEC, reading(T0, (1.0,), 1), replicas(1), 1, Reason.WITHIN_BUDGET),
        (SPEC, reading(T0, (), 1), replicas(1), 1, Reason.BUSY),
        (SPEC, reading(T0), replicas(1), 1, Reason.IDLE),
        (SPEC, reading(T0, (40.0,) * 200), replicas(4), 4, Reason.AT_CEILING),
        (SPEC, unavailable(T0), replicas(2), 2, Reason.DEMAND_UNKNOWN),
        (SPEC, reading(T0 - 11.0), replicas(2), 2, Reason.DEMAND_UNKNOWN),
        (SPEC, unavailable(T0), replicas(0), 0, Reason.DEMAND_UNKNOWN),
        (SPEC, reading(T0, (1.0,)), None, 0, Reason.TARGET_UNKNOWN),
        (UNSEEN, reading(T0, (), None), replicas(1), 1, Reason.IDLE),
        (spec_of(min_replicas=2), reading(T0), replicas(0), 2, Reason.AT_FLOOR),
        (spec_of(min_replicas=2), reading(T0), replicas(2), 2, Reason.AT_FLOOR),
        (spec_of(zero_mode=ZeroMode.NEVER), reading(T0), replicas(0), 1, Reason.AT_FLOOR),
        (SPEC, reading(T0, (1.0,)), replicas(6), 6, Reason.OUT_OF_BOUNDS),
        (spec_of(drains=True), reading(T0, (1.0,)), replicas(6), 4, Reason.OUT_OF_BOUNDS),
        (
            spec_of(budget_seconds=20.0, when_unattainable=WhenUnattainable.KEEP_WARM),
            reading(T0),
            replicas(0),
            1,
            Reason.KEPT_WARM,
        ),
    ],
)
def test_a_single_look(
    spec: PoolSpec, demand: Demand, target: Replicas | None, expected: int, reason: Reason
) -> None:
    decision, _ = decide(T0, spec, observe(demand, target), taught(spec, STARTS))
    assert (decision.reason, decision.replicas) == (reason, expected), decision.message


def test_the_start_is_due_when_the_budget_leaves_just_the_start_time() -> None:
    decision, _ = decide(T0, SPEC, observe(reading(T0, (1.0,)), replicas(0)), taught(SPEC, STARTS))
    assert decision.due_at is not None
    assert 10.0 < decision.due_at - T0 < 59.0 - 30.0
    assert "1 request has waited 1 s" in decision.message
    assert f"due in {decision.due_at - T0:.0f} s" in decision.message


def test_an_unproven_start_time_is_not_relied_upon() -> None:
    spec = spec_of(budget_seconds=90.0)
    decision, _ = decide(T0, spec, observe(reading(T0, (1.0,)), replicas(0)), taught(spec, (30.0,)))
    assert (decision.replicas, decision.reason) == (1, Reason.START_AT_ONCE)
    assert (
        "a start is delayed only after 7 starts have been measured, and this pool has 1" in decision.message
    )


@pytest.mark.parametrize("starts", [(), (90.0,) * 6])
@pytest.mark.parametrize("waiting", [1, 3])
def test_a_late_request_does_not_ask_for_more_than_waits(waiting: int, starts: tuple[float, ...]) -> None:
    spec = replace(spec_of(budget_seconds=10.0), start_prior_seconds=60.0)
    state = taught(spec, starts)
    _, state = decide(T0 - 0.5, spec, observe(reading(T0 - 0.5), replicas(0)), state)
    arrived = reading(T0, (0.5,) * waiting, arrived=waiting)
    decision, _ = decide(T0, spec, observe(arrived, replicas(0)), state)
    assert 1 <= decision.replicas <= waiting, decision.message


def test_a_start_that_nobody_carries_out_is_not_counted() -> None:
    state = taught(SPEC, STARTS)
    state = state._replace(objective=state.objective._replace(since_start=9))
    for age in (0.0, 0.5, 1.0):
        now = T0 + age
        decision, state = decide(now, SPEC, observe(reading(now, (59.0,)), replicas(0)), state)
        assert decision.replicas == 1
    assert state.objective.since_start == 9
    _, state = decide(now + 0.5, SPEC, observe(reading(now, (59.0,)), replicas(1, 0, (0.5,))), state)
    assert state.objective.since_start == 0


def test_a_start_taken_back_is_no_evidence() -> None:
    state = learn(taught(SPEC, STARTS), StartSample("slow", T0 - 300.0, T0))
    assert state.starts.running
    _, state = decide(T0, SPEC, observe(reading(T0), replicas(0)), state)
    assert state.starts.running == ()
    assert state.starts.quantiles == taught(SPEC, STARTS).starts.quantiles


def test_a_start_is_cancelled_when_the_queue_has_drained() -> None:
    state = taught(SPEC, STARTS)
    target = replicas(1, starting_for=(5.0,))
    first, state = decide(T0, SPEC, observe(reading(T0), target), state)
    assert (first.replicas, first.reason) == (1, Reason.STARTING)
    second, _ = decide(T0 + 0.5, SPEC, observe(reading(T0 + 0.5), target), state)
    assert (second.replicas, second.reason) == (0, Reason.START_CANCELLED)


def test_an_idle_pool_stops_after_a_second_empty_reading() -> None:
    state = taught(SPEC, STARTS)
    _, state = decide(T0 - 10.0, SPEC, observe(reading(T0 - 10.0, (), 1), replicas(1)), state)
    first, state = decide(T0, SPEC, observe(reading(T0), replicas(1)), state)
    assert (first.replicas, first.reason) == (1, Reason.IDLE)
    same, state = decide(T0 + 0.5, SPEC, observe(reading(T0), replicas(1)), state)
    assert (same.replicas, same.reason) == (1, Reason.IDLE)
    second, _ = decide(T0 + 1.0, SPEC, observe(reading(T0 + 0.5), replicas(1)), state)
    assert (second.replicas, second.reason) == (0, Reason.STOP_IDLE)


def test_time_spent_blind_is_not_idle_time() -> None:
    spec = spec_of(zero_mode=ZeroMode.FIXED, idle_seconds=30.0)
    state = taught(spec, STARTS)
    _, state = decide(T0, spec, observe(reading(T0), replicas(1)), state)
    _, state = decide(T0 + 20.0, spec, observe(unavailable(T0 + 10.0), replicas(1)), state)
    again, state = decide(T0 + 40.0, spec, observe(reading(T0 + 40.0), replicas(1)), state)
    assert again.reason is Reason.IDLE
    last, _ = decide(T0 + 70.5, spec, observe(reading(T0 + 70.5), replicas(1)), state)
    assert last.reason is Reason.STOP_IDLE


def test_unseen_work_holds_the_replica_for_as_long_as_a_request_may_take() -> None:
    state = taught(UNSEEN, STARTS)
    _, state = decide(T0, UNSEEN, observe(reading(T0, (1.0,), None), replicas(1)), state)
    for age, reason in (
        (5.0, Reason.IN_FLIGHT_UNSEEN),
        (599.0, Reason.IN_FLIGHT_UNSEEN),
        (605.5, Reason.STOP_IDLE),
    ):
        now = T0 + age
        decision, state = decide(now, UNSEEN, observe(reading(now, (), None), replicas(1)), state)
        assert decision.reason is reason
    assert decision.demand_known.reason == "InFlightUnseen"


def test_unseen_work_that_may_take_any_time_holds_the_replicas_for_good() -> None:
    spec = spec_of(source=SourceSpec("queue", sees_in_flight=False), min_replicas=1)
    idle = observe(reading(T0 + 1e6, (), None), replicas(2))
    decision, _ = decide(T0 + 1e6, spec, idle, taught(spec, STARTS))
    assert (decision.replicas, decision.reason) == (2, Reason.IN_FLIGHT_UNSEEN)
    assert "maxServiceSeconds is not set, so no replica is stopped" in decision.message


def test_unseen_work_may_have_begun_before_the_operator_or_while_it_was_blind() -> None:
    state = restore(save(taught(UNSEEN, STARTS)), T0, UNSEEN)
    for age, demand in (
        (0.0, reading(T0, (), None)),
        (590.0, reading(T0 + 590.0, (), None)),
        (595.0, unavailable(T0 + 595.0)),
        (1190.0, reading(T0 + 1190.0, (), None)),
    ):
        decision, state = decide(T0 + age, UNSEEN, observe(demand, replicas(1)), state)
        assert decision.replicas == 1, f"stopped after {age} s"
    stopped, _ = decide(T0 + 1196.0, UNSEEN, observe(reading(T0 + 1196.0, (), None), replicas(1)), state)
    assert stopped.reason is Reason.STOP_IDLE


def test_known_demand_starts_replicas_although_another_source_is_unknown() -> None:
    spec = PoolSpec(2, 60.0, sources=(SourceSpec("queue"), SourceSpec("other")), start_prior_seconds=30.0)
    state = taught(spec, STARTS)
    decision, _ = decide(T0, spec, observe(reading(T0, (40.0,)), replicas(0)), state)
    assert (decision.replicas, decision.demand_known.reason) == (1, "NotReported")


def test_a_pool_without_sources_holds() -> None:
    decision, _ = decide(
        T0, PoolSpec(2, 60.0, sources=()), observe(reading(T0), replicas(1)), taught(SPEC, STARTS)
    )
    assert (decision.replicas, decision.reason) == (1, Reason.DEMAND_UNKNOWN)


def test_a_clock_that_steps_back_changes_nothing() -> None:
    state = taught(SPEC, STARTS)
    _, state = decide(T0, SPEC, observe(reading(T0, (15.0,)), replicas(0)), state)
    decision, after = decide(T0 - 3_600.0, SPEC, observe(reading(T0, (15.0,)), replicas(0)), state)
    assert decision.reason is Reason.WAITING_FOR_DEADLINE
    assert after.clock == T0


def test_before_the_first_request_no_start_ahead_is_due() -> None:
    spec = spec_of(budget_seconds=20.0)
    _, state = decide(T0, spec, observe(reading(T0), replicas(0)), taught(spec, STARTS))
    assert state.ahead_at == math.inf
