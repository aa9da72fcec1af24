"""Replicas that another writer set, and changes that another writer would undo, as tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import FOREIGN_START_SECONDS
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import Foreign, Held, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, targets, taught

STARTS = (30.0, 31.0, 29.0, 30.0, 30.5, 29.5)
FIXED = spec_of(zero_mode=ZeroMode.FIXED, idle_seconds=60.0)
BRIEF = spec_of(zero_mode=ZeroMode.FIXED, idle_seconds=5.0)
LEARNED = spec_of()
DRAINS = spec_of(zero_mode=ZeroMode.FIXED, idle_seconds=60.0, drains=True)
KUBECTL = "kubectl (scale)"


def set_by_hand(number: int = 2, ago: float = 0.0) -> Foreign:
    return Foreign(number, T0 - ago, KUBECTL)


def idle_for_hours(spec: PoolSpec) -> PoolState:
    """A pool that has stood at zero for two hours."""
    _, state = decide(T0 - 7_200.0, spec, observe(reading(T0 - 7_200.0), replicas(0)), taught(spec, STARTS))
    _, state = decide(T0 - 1.0, spec, observe(reading(T0 - 1.0), replicas(0)), state)
    return state


def look(spec: PoolSpec, target: Replicas, after: float, state: PoolState) -> tuple[Decision, PoolState]:
    """A look at an empty queue, `after` seconds after T0."""
    now = T0 + after
    return decide(now, spec, observe(reading(now), target), state)


@pytest.mark.parametrize("spec", [FIXED, DRAINS])
def test_above_the_ceiling_the_next_look_is_due_when_they_are_left_alone_no_more(spec: PoolSpec) -> None:
    """8 replicas that were set by hand wait for a node; 4 are allowed."""
    waits = StartingReplica(T0 - 400.0, Stage.UNADMITTED)
    target = Replicas(8, 0, (waits,) * 8, foreign=set_by_hand(8, ago=400.0))
    _, state = look(spec, target, 0.0, idle_for_hours(spec))
    decision, _ = look(spec, target, 90.0, state)
    assert (decision.replicas, decision.reason) == (8, Reason.OUT_OF_BOUNDS)
    assert decision.due_at == T0 - 400.0 + FOREIGN_START_SECONDS


@pytest.mark.parametrize(
    ("spec", "after", "expected", "reason"),
    [
        (FIXED, 1.0, 2, Reason.IDLE),
        (FIXED, 59.0, 2, Reason.IDLE),
        (FIXED, 61.0, 0, Reason.STOP_IDLE),
        (BRIEF, 4.0, 2, Reason.IDLE),
        (BRIEF, 6.0, 0, Reason.STOP_IDLE),
        (LEARNED, 29.0, 2, Reason.IDLE),
        (LEARNED, 32.0, 0, Reason.STOP_IDLE),
    ],
)
def test_ready_replicas_set_by_another_writer_idle_for_their_idle_time(
    spec: PoolSpec, after: float, expected: int, reason: Reason
) -> None:
    """Two replicas at a pool that has been idle for hours. With learned times it is what a start takes."""
    target = replicas(2, foreign=set_by_hand())
    _, state = look(spec, target, 0.0, idle_for_hours(spec))
    decision, _ = look(spec, target, after, state)
    assert (decision.replicas, decision.reason) == (expected, reason), decision.message


def test_the_decision_names_who_set_them_and_when_they_stop() -> None:
    target = replicas(2, foreign=set_by_hand())
    _, state = look(FIXED, target, 0.0, idle_for_hours(FIXED))
    decision, state = look(FIXED, target, 12.0, state)
    assert decision.message == (
        "2 replicas, set by kubectl (scale) at 22:13:20 UTC, have been idle for 12 s; the stop is due in "
        "48 s unless a request arrives"
    )
    assert decision.due_at == T0 + 60.0
    decision, _ = look(FIXED, target, 61.0, state)
    assert decision.message == (
        "2 replicas, set by kubectl (scale) at 22:13:20 UTC, have been idle for 61 s; "
        "scaleToZero.idleSeconds is 60 s, so they are stopped"
    )


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (
            Foreign(3, T0, "", is_found=True),
            "3 replicas, found when the pool was first seen at 22:13:20 UTC, have",
        ),
        (
            Foreign(3, T0, "helm (Update)", is_found=True),
            "3 replicas, found when the pool was first seen at 22:13:20 UTC, set by helm (Update), have been",
        ),
        (Foreign(3, T0), "3 replicas, set by another writer at 22:13:20 UTC, have been idle for 9 s"),
    ],
)
def test_what_is_known_of_the_writer_is_said(foreign: Foreign, said: str) -> None:
    target = replicas(3, foreign=foreign)
    _, state = look(FIXED, target, 0.0, taught(FIXED, STARTS))
    decision, _ = look(FIXED, target, 9.0, state)
    assert decision.replicas == 3
    assert said in decision.message


@pytest.mark.parametrize("spec", [FIXED, LEARNED, DRAINS])
@pytest.mark.parametrize("ready", [0, 1])
def test_a_start_that_another_writer_asked_for_is_not_taken_back(spec: PoolSpec, ready: int) -> None:
    state = idle_for_hours(spec)
    failing_from = 300.0
    for after in (0.0, 1.0, 2.0, failing_from, FOREIGN_START_SECONDS - 1.0):
        target = replicas(2, ready, (after,) * (2 - ready), T0 + after, foreign=set_by_hand())
        decision, state = look(spec, target, after, state)
        reason = Reason.STARTING if after < failing_from else Reason.STARTS_FAILING
        assert (decision.replicas, decision.reason) == (2, reason), decision.message
    assert decision.message.endswith("2 replicas were set by kubectl (scale) at 22:13:20 UTC")


def test_a_start_of_another_writer_that_never_ends_is_taken_back_at_last() -> None:
    state = idle_for_hours(FIXED)
    for after in (0.0, 1.0, FOREIGN_START_SECONDS + 1.0):
        target = replicas(2, 0, (after, after), T0 + after, foreign=set_by_hand())
        decision, state = look(FIXED, target, after, state)
    assert (decision.replicas, decision.reason) == (0, Reason.START_CANCELLED)


def test_the_idle_time_begins_when_they_are_ready() -> None:
    state = idle_for_hours(FIXED)
    _, state = look(FIXED, replicas(2, 0, (0.0, 0.0), foreign=set_by_hand()), 0.0, state)
    ready = replicas(2, foreign=set_by_hand())
    for after, expected in ((100.0, 2), (159.0, 2), (161.0, 0)):
        decision, state = look(FIXED, ready, after, state)
        assert decision.replicas == expected, decision.message


@pytest.mark.parametrize("spec", [FIXED, DRAINS])
def test_they_are_no_surplus_until_their_idle_time_has_passed(spec: PoolSpec) -> None:
    """One replica works, the peak of the load has long passed."""
    state = idle_for_hours(spec)
    reasons = []
    for after in (0.0, 0.5, 30.0, 59.0, 61.0, 62.0):
        now = T0 + after
        target = replicas(4, foreign=set_by_hand(4))
        decision, state = decide(now, spec, observe(reading(now, (), 1), target), state)
        reasons.append(decision.reason)
    assert reasons[:4] == [Reason.BUSY] * 4
    assert reasons[-1] is (Reason.STOP_SURPLUS if spec is DRAINS else Reason.BUSY)


@pytest.mark.parametrize(
    ("target", "expected", "reason"),
    [
        # Above the ceiling of 4: ready and idle ones are stopped, a starting one never.
        (replicas(6, foreign=set_by_hand(6)), 4, Reason.OUT_OF_BOUNDS),
        (replicas(6, 5, (2.0,), foreign=set_by_hand(6)), 6, Reason.OUT_OF_BOUNDS),
        (replicas(6, 0, (2.0,) * 6, foreign=set_by_hand(6)), 6, Reason.OUT_OF_BOUNDS),
        (replicas(6, 0, (2.0,) * 6), 4, Reason.OUT_OF_BOUNDS),
        # Within the bounds.
        (replicas(4, foreign=set_by_hand(4)), 4, Reason.IDLE),
        (replicas(4), 0, Reason.STOP_IDLE),
    ],
)
def test_bounds_hold_for_every_writer(target: Replicas, expected: int, reason: Reason) -> None:
    state = idle_for_hours(FIXED)
    state = state._replace(ready_since=T0 - 100.0) if target.ready else state
    _, state = look(FIXED, target, 0.0, state)
    decision, _ = look(FIXED, target, 3.0, state)
    assert (decision.replicas, decision.reason) == (expected, reason), decision.message


@pytest.mark.parametrize("found", [0, 1])
def test_below_the_floor_the_floor_is_restored(found: int) -> None:
    spec = spec_of(min_replicas=2)
    decision, _ = decide(T0, spec, observe(reading(T0), replicas(found)), taught(spec, STARTS))
    assert (decision.replicas, decision.reason) == (2, Reason.AT_FLOOR)


HELD = Held(T0 + 60.0, "argocd-controller (Apply)")
LATE = reading(T0, (59.0,) * 3)


@pytest.mark.parametrize(
    ("demand", "target", "free"),
    [
        (LATE, replicas(0), Reason.START_AT_ONCE),
        (reading(T0), replicas(6), Reason.OUT_OF_BOUNDS),
        (reading(T0), replicas(2), Reason.STOP_IDLE),
    ],
)
def test_a_change_is_held_back_beside_a_writer_that_keeps_coming_back(
    demand: Reading, target: Replicas, free: Reason
) -> None:
    """Up as well as down. A hold that is over holds nothing."""
    state = idle_for_hours(FIXED)._replace(ready_since=T0 - 100.0)
    _, state = look(FIXED, target, -0.5, state)
    changed, _ = decide(T0, FIXED, observe(demand, target), state)
    assert (changed.reason, changed.replicas != target.desired) == (free, True)
    held, _ = decide(T0, FIXED, observe(demand, target, held=HELD), state)
    assert (held.replicas, held.reason) == (target.desired, Reason.HELD_BACK)
    assert held.due_at == HELD.until
    again, _ = decide(T0, FIXED, observe(demand, target, held=Held(T0, "argo")), state)
    assert again == changed


def test_a_held_change_says_until_when_and_why() -> None:
    held, _ = decide(T0, FIXED, observe(LATE, replicas(0), held=HELD), taught(FIXED, STARTS))
    assert held.message.startswith(
        "no write before 22:14:20 UTC, because argocd-controller (Apply) keeps changing the replicas; 2 "
        "replicas are wanted instead of 0: 3 requests wait, the oldest for 59 s"
    )


def test_a_decision_that_changes_nothing_is_not_held() -> None:
    calm, _ = decide(T0, FIXED, observe(reading(T0), replicas(0), held=HELD), taught(FIXED, STARTS))
    assert calm.reason is Reason.AT_ZERO


@settings(deadline=None, max_examples=150)
@given(targets(T0, most=4), st.floats(0.0, 59.0), st.booleans())
def test_within_bounds_they_are_never_lowered_during_their_idle_time(
    target: Replicas, ago: float, works: bool
) -> None:
    foreign = set_by_hand(target.desired, ago)
    shown = Replicas(target.desired, target.ready, target.starting, foreign=foreign)
    state = idle_for_hours(FIXED)
    for after in (0.0, 0.5, 0.9):
        now = T0 + after
        demand = reading(now, (), 1 if works else 0)
        decision, state = decide(now, FIXED, observe(demand, shown), state)
        assert decision.replicas >= target.desired
