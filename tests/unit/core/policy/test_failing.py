"""Starts that do not succeed: no second replica beside them, and growing pauses between attempts."""

from array import array
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.starts.attempts import Attempts
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import PoolState, learn
from poolkeeper.core.policy import say_held
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.admission import AdmissionCause as Cause
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import Partner, Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught

STARTS = (12.0, 11.0, 13.0, 12.0, 12.5, 11.5)
SPEC = spec_of(budget_seconds=10.0)
P95 = taught(SPEC, STARTS).starts.p95_seconds
SLOWEST = taught(SPEC, STARTS[:2]).starts.ended_slowest_seconds


def one(
    age: float, stage: Stage = Stage.RUNNING, failure: str = "", words: str = "", pod: str = "chat-1"
) -> StartingReplica:
    """A replica that was asked for `age` seconds ago."""
    begun_at = None if stage is Stage.UNADMITTED else T0 - age
    return StartingReplica(T0 - age, stage, begun_at, failure, pod=pod, words=words)


CRASHING = one(5.0, Stage.NO_CONTAINER, "CrashLoopBackOff", "container worker")
LOADING = one(5.0)
LATE = one(1.2 * P95)
OVERDUE = one(2.0 * P95)
GATED = one(60.0, Stage.UNADMITTED, "SchedulingGated", "it is held by the scheduling gate kueue")
REFUSED = one(60.0, Stage.UNADMITTED, "QuotaExceeded", "exceeded quota: q", pod="")
DENIED = one(60.0, Stage.UNADMITTED, "AdmissionRefused", "denied the request", pod="")
NO_NODE = one(60.0, Stage.UNADMITTED, "Unschedulable", "0/3 nodes: 3 Insufficient nvidia.com/gpu")
PROVISIONING = one(60.0, Stage.UNADMITTED, "NodeProvisioning", "Karpenter makes a node: nodeclaim/a")
PULLING = replace(one(1.2, Stage.NO_CONTAINER, words="the image vllm is pulled"), doing="ImagePulling")


def look(
    *starting: StartingReplica, ready: int = 0, waiting: int = 3, state: PoolState | None = None
) -> tuple[Decision, PoolState]:
    """A decision about replicas of which some are starting, while requests wait that are late already."""
    target = Replicas(ready + len(starting), ready, starting)
    demand = reading(T0, (200.0,) * waiting)
    return decide(T0, SPEC, observe(demand, target), state or taught(SPEC, STARTS))


@pytest.mark.parametrize(
    ("starting", "ready", "expected", "reason"),
    [
        ((CRASHING,), 0, 1, Reason.STARTS_FAILING),
        ((OVERDUE,), 0, 1, Reason.STARTS_FAILING),
        ((CRASHING, OVERDUE), 0, 2, Reason.STARTS_FAILING),
        # A replica that may still succeed says that others may, but the last attempt has failed.
        ((CRASHING, LOADING), 0, 2, Reason.STARTS_FAILING),
        # A ready one does, too; the failing one is not counted, and the next attempt is due after a pause.
        ((CRASHING,), 1, 2, Reason.STARTS_FAILING),
        # Waiting to be admitted is no failure: each replica that is asked for may be admitted.
        ((GATED,), 0, 3, Reason.START_AT_ONCE),
        ((NO_NODE,), 0, 3, Reason.START_AT_ONCE),
        ((PROVISIONING,), 0, 3, Reason.START_AT_ONCE),
        # But where the API server refuses one, or no node has come for minutes, the next one fares no better.
        ((REFUSED,), 0, 1, Reason.AWAITING_ADMISSION),
        ((DENIED,), 1, 2, Reason.AWAITING_ADMISSION),
        ((replace(NO_NODE, asked_at=T0 - 301.0),), 0, 1, Reason.AWAITING_ADMISSION),
        ((replace(PROVISIONING, asked_at=T0 - 301.0),), 0, 3, Reason.START_AT_ONCE),
        ((replace(GATED, asked_at=T0 - 3600.0),), 0, 3, Reason.START_AT_ONCE),
        ((LOADING,), 0, 3, Reason.START_AT_ONCE),
    ],
)
def test_no_replica_is_started_beside_those_that_fail(
    starting: tuple[StartingReplica, ...], ready: int, expected: int, reason: Reason
) -> None:
    decision, _ = look(*starting, ready=ready)
    assert (decision.replicas, decision.reason) == (expected, reason), decision.message


@pytest.mark.parametrize(
    ("starting", "reason", "says"),
    [
        (CRASHING, Reason.STARTS_FAILING, "pod chat-1, container worker: CrashLoopBackOff"),
        (
            OVERDUE,
            Reason.STARTS_FAILING,
            f"95 % of starts take no longer than {P95:.0f} s; a container runs",
        ),
        (LATE, Reason.START_OVERDUE, f"95 % of starts take no longer than {P95:.0f} s"),
        (GATED, Reason.AWAITING_ADMISSION, "SchedulingGated: it is held by the scheduling gate kueue"),
        (REFUSED, Reason.AWAITING_ADMISSION, "no pod could be created for a replica"),
        (PROVISIONING, Reason.AWAITING_ADMISSION, "NodeProvisioning: Karpenter makes a node: nodeclaim/a"),
        (PULLING, Reason.PULLING_IMAGE, "pod chat-1: the image vllm is pulled"),
        (
            replace(PULLING, asked_at=T0 - 1.2 * P95, begun_at=T0 - 1.2 * P95),
            Reason.PULLING_IMAGE,
            f"95 % of starts take no longer than {P95:.0f} s",
        ),
        (LOADING, Reason.LATE, "the next should be ready in"),
    ],
)
def test_a_decision_that_waits_for_a_start_says_what_it_suffers_from(
    starting: StartingReplica, reason: Reason, says: str
) -> None:
    decision, _ = look(starting, waiting=1)
    assert (decision.replicas, decision.reason) == (1, reason)
    assert says in decision.message


def test_a_floor_is_asked_for_although_a_replica_is_refused() -> None:
    spec = spec_of(budget_seconds=10.0, min_replicas=2)
    demand = reading(T0, (200.0,) * 3)
    decision, _ = decide(T0, spec, observe(demand, Replicas(1, 0, (REFUSED,))), taught(spec, STARTS))
    assert (decision.replicas, decision.reason) == (2, Reason.AT_FLOOR)


def test_an_image_that_is_pulled_for_far_too_long_is_what_the_start_fails_by() -> None:
    decision, _ = look(replace(PULLING, asked_at=T0 - 600.0, begun_at=T0 - 600.0), waiting=1)
    assert decision.trouble is not None
    assert (decision.reason, decision.trouble.reason) == (Reason.STARTS_FAILING, "ImagePulling")


def test_a_wait_is_explained_with_those_before_it() -> None:
    known = Admission((array("d", (720.0, 2400.0, 900.0)), *[array("d")] * 4))
    decision, _ = look(GATED, waiting=1, state=taught(SPEC, STARTS)._replace(admission=known))
    assert "gates here took 12 to 40 minutes the last 3 times" in decision.message


@pytest.mark.parametrize(
    ("cause", "seconds", "words"),
    [
        (Cause.GATE, (), ""),
        (Cause.GATE, (719.0,), "the last time, a gate here took 12 minutes"),
        (Cause.QUOTA, (720.0, 2400.0), "quotas here took 12 to 40 minutes the last 2 times"),
        (
            Cause.PROVISIONING,
            (92.0, 150.0),
            "new nodes here took 92 s to 2 minutes the last 2 times",
        ),
        (
            Cause.NO_NODE,
            (60.0, 9000.0),
            "waits for a node here took 60 s to 2 hours the last 2 times",
        ),
        (Cause.OTHER, (60.0, 60.0), "such waits here took 60 s the last 2 times"),
    ],
)
def test_the_waits_before_are_said_in_units_of_a_person(
    cause: Cause, seconds: tuple[float, ...], words: str
) -> None:
    assert say_held.waits_before(cause, seconds) == words


def test_a_start_turns_late_and_then_overdue_without_news() -> None:
    """The decision itself says when to look again."""
    decision, state = look(LOADING, waiting=1)
    assert decision.due_at is not None
    seen = []
    for _ in range(100):
        now = decision.due_at or T0
        demand = reading(now, (200.0 + now - T0,))
        decision, state = decide(now, SPEC, observe(demand, Replicas(1, 0, (LOADING,))), state)
        seen.append(decision.reason)
        if decision.reason is Reason.STARTS_FAILING:
            break
    assert list(dict.fromkeys(seen)) == [Reason.LATE, Reason.START_OVERDUE, Reason.STARTS_FAILING]
    assert now - LOADING.asked_at < 2.0 * P95


def test_the_start_itself_does_not_move_the_time_that_it_is_measured_by() -> None:
    state = learn(taught(SPEC, STARTS), StartSample("chat-1", T0 - 600.0, T0))
    decision, _ = look(one(600.0), waiting=1, state=state)
    assert decision.reason is Reason.STARTS_FAILING
    assert f"95 % of starts take no longer than {P95:.0f} s" in decision.message


def test_before_any_start_has_ended_the_expected_time_counts() -> None:
    state = taught(SPEC, ())
    expected = state.starts.p95_seconds
    state = learn(state, StartSample("chat-1", T0 - 3 * expected, T0))
    decision, _ = look(one(3 * expected), waiting=1, state=state)
    assert decision.reason is Reason.STARTS_FAILING
    assert f"are expected to take no longer than {expected:.0f} s" in decision.message


def test_a_restart_of_the_operator_starts_no_second_replica() -> None:
    """Nothing but the pods and the saved state is left."""
    _, state = look(OVERDUE, waiting=1)
    decision, after = look(OVERDUE, waiting=1, state=restore(save(state), T0, SPEC))
    assert (decision.replicas, decision.reason) == (1, Reason.STARTS_FAILING)
    assert after.attempts.failed == 1, "the attempt that failed before is no new one"
    forgotten, _ = look(OVERDUE, waiting=1, state=taught(SPEC, ()))
    assert forgotten.replicas == 1


def test_failed_attempts_are_followed_by_growing_pauses() -> None:
    state, now, starts = taught(SPEC, STARTS), T0, []
    for _ in range(8):
        while True:
            demand = reading(now, (200.0,) * 3)
            decision, state = decide(now, SPEC, observe(demand, replicas(0)), state)
            if decision.replicas:
                break
            assert decision.due_at is not None
            assert "the next one is due at" in decision.message
            now = decision.due_at
        starts.append(now)
        failing = replace(CRASHING, asked_at=now, begun_at=now)
        now += 1.0
        decision, state = decide(now, SPEC, observe(reading(now), Replicas(1, 0, (failing,))), state)
        now += 1.0
        decision, state = decide(now, SPEC, observe(reading(now), replicas(0)), state)
    pauses = [round(after - before) for before, after in pairwise(starts)]
    assert pauses == [11, 21, 41, 81, 161, 301, 301]


def test_the_attempt_after_a_failure_is_of_one_replica_and_its_outcome_is_awaited() -> None:
    state = taught(SPEC, STARTS)._replace(attempts=Attempts(2, T0 - 60.0, "CrashLoopBackOff"), ready=0)
    first, state = look(state=state)
    assert (first.replicas, first.reason) == (1, Reason.START_AT_ONCE)
    assert "the last 2 attempts failed" in first.message
    second, state = look(replace(LOADING, asked_at=T0, begun_at=T0), state=state)
    assert (second.replicas, second.reason) == (1, Reason.STARTS_FAILING)
    assert "once the outcome of the present start is known" in second.message
    third, state = look(ready=1, state=state, waiting=9)
    assert state.attempts.failed == 0
    assert third.replicas > 2


def test_with_a_ready_replica_one_more_is_tried_after_the_pause() -> None:
    _, state = look(CRASHING, ready=1)
    later = state._replace(attempts=state.attempts._replace(settled_at=T0 - 11.0))
    old = replace(CRASHING, asked_at=T0 - 30.0, begun_at=T0 - 30.0)
    decision, _ = look(old, ready=1, state=later)
    assert (decision.replicas, decision.reason) == (3, Reason.START_AT_ONCE)


def test_a_declared_floor_is_kept() -> None:
    spec = spec_of(min_replicas=2)
    state = taught(spec, STARTS)._replace(attempts=Attempts(5, T0 - 1.0, "CrashLoopBackOff"), ready=0)
    decision, _ = decide(T0, spec, observe(reading(T0), replicas(0)), state)
    assert (decision.replicas, decision.reason) == (2, Reason.AT_FLOOR)


def test_a_replica_that_fails_beside_others_that_succeed_is_no_failed_attempt() -> None:
    """One bad node must not slow down a pool whose other replicas start."""
    state = taught(SPEC, STARTS)._replace(ready=0)
    _, state = look(CRASHING, ready=1, state=state)
    assert state.attempts.failed == 0


@pytest.mark.parametrize("stage", [Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING])
@given(ages=st.lists(st.floats(1.0, 100_000.0), min_size=1, max_size=4), waiting=st.integers(1, 50))
def test_whatever_fails_is_never_joined_by_another(stage: Stage, ages: list[float], waiting: int) -> None:
    failing = tuple(one(age, stage, "ImagePullBackOff") for age in ages)
    decision, _ = look(*failing, waiting=waiting)
    if stage is not Stage.UNADMITTED:
        assert decision.replicas == len(failing)


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (Attempts(3, T0 - 5.0, "CrashLoopBackOff"), Attempts(3, T0 - 5.0, "CrashLoopBackOff")),
        (Attempts(), Attempts(0, 0.0)),
        (Attempts(1, T0 + 900.0, "no word"), Attempts(1, T0, "")),
        (Attempts(-7, T0, "x" * 65), Attempts(0, T0, "x" * 64)),
    ],
)
def test_attempts_outlive_a_restart_and_read_no_nonsense(saved: Attempts, expected: Attempts) -> None:
    state = taught(SPEC, STARTS)._replace(attempts=saved)
    assert restore(save(state), T0, SPEC).attempts == expected


@pytest.mark.parametrize(
    ("age_seconds", "is_given_up"),
    [(0.9 * SLOWEST, False), (SLOWEST + 1.0, True)],
)
def test_a_load_that_is_overdue_is_not_cut_off_for_long(age_seconds: float, *, is_given_up: bool) -> None:
    """Not even where a ready replica alone would do, while few starts have shown how long they take."""
    state, target = taught(SPEC, STARTS[:2]), Replicas(2, 1, (one(age_seconds),))
    for polls in range(3):
        now = T0 + polls * SPEC.poll_seconds
        decision, state = decide(now, SPEC, observe(reading(now), target), state)
        assert decision.replicas == 2 or is_given_up
    assert (decision.replicas < 2) is is_given_up


def test_a_pool_that_is_up_for_a_partner_says_what_holds_its_replica() -> None:
    partners = (Partner("decode", 1, may_stop=False),)
    before = replace(observe(reading(T0 - 61.0, ()), Replicas(0, 0, ())), partners=partners)
    _, state = decide(T0 - 61.0, SPEC, before, taught(SPEC, STARTS))
    seen = replace(observe(reading(T0, ()), Replicas(1, 0, (GATED,))), partners=partners)
    decision, _ = decide(T0, SPEC, seen, state)
    assert decision.reason is Reason.WITH_PARTNERS
    assert decision.message.startswith("up together with pool decode; pod chat-1 has waited for a node since")
