"""What is said of requests that wait: in time only where the plan says so, else late, and what is in the
way."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.observation import ArrivalBucket, Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0, observations, observe, reading, replicas, spec_of, specs, taught

SPEC = spec_of(max_replicas=4, budget_seconds=10.0)
SLOW = (30.0, 31.0, 29.0, 30.0, 30.5)
"""Starts that outlast the budget."""
QUICK = (3.0, 3.1, 2.9, 3.0, 3.05)
JOBS_OF_20_SECONDS = ServiceRate(100.0, 2_000.0)
SINCE_34 = "(since 22:12:46 UTC)"
"""34 s before T0."""


@pytest.mark.parametrize(
    ("starts", "ages", "in_flight", "target", "reason", "sentence"),
    [
        (QUICK, (1.0,), 0, replicas(1), Reason.WITHIN_BUDGET, "1 replica will take 1 waiting request within"),
        (
            SLOW,
            (2.0,),
            1,
            replicas(1),
            Reason.NO_START_HELPS,
            "1 request has waited 2 s; 1 request will wait longer than the budget of 10 s, and 1 ready "
            "replica should take all within 22.1 s; a start, which usually takes 32.7 s, would not be faster",
        ),
        (
            SLOW,
            (34.0,),
            1,
            replicas(1),
            Reason.LATE,
            f"1 request has waited longer than the budget of 10 s, for 34 s {SINCE_34}; 1 ready replica "
            "should take them within 22.1 s; a start, which usually takes 32.7 s, would not be faster",
        ),
        (
            SLOW,
            (34.0, 5.0),
            0,
            replicas(2),
            Reason.LATE,
            f"1 request has waited longer than the budget of 10 s, for 34 s {SINCE_34}; 2 ready replicas can "
            "take them now",
        ),
        (
            SLOW,
            (34.0, 12.0, 5.0),
            0,
            replicas(3, starting_for=(20.0, 20.0, 20.0)),
            Reason.LATE,
            f"2 requests have waited longer than the budget of 10 s, the oldest for 34 s {SINCE_34}; 3 "
            "replicas starting, 0 ready; the next should be ready in 10 s",
        ),
        (
            SLOW,
            (34.0,),
            4,
            replicas(4),
            Reason.AT_CEILING,
            f"1 request has waited longer than the budget of 10 s, for 34 s {SINCE_34}, but the pool may "
            "have no more than 4 replicas (spec.replicas.max)",
        ),
        (
            SLOW,
            (5.0, 2.0),
            4,
            replicas(4),
            Reason.AT_CEILING,
            "2 requests wait, the oldest for 5 s, but the pool may have no more than 4 replicas "
            "(spec.replicas.max)",
        ),
    ],
)
def test_what_is_said(
    starts: tuple[float, ...],
    ages: tuple[float, ...],
    in_flight: int,
    target: Replicas,
    reason: Reason,
    sentence: str,
) -> None:
    state = taught(SPEC, starts)._replace(service=JOBS_OF_20_SECONDS)
    decision, _ = decide(T0, SPEC, observe(reading(T0, ages, in_flight), target), state)
    assert decision.replicas == target.desired
    assert (decision.reason, decision.message[: len(sentence)]) == (reason, sentence)


FOUR_WAIT = (34.0, 34.0, 34.0, 34.0)


def unadmitted(seconds: float, failure: str = "QuotaExceeded") -> Replicas:
    return Replicas(2, 1, (StartingReplica(T0 - seconds, Stage.UNADMITTED, failure=failure, pod="chat-1"),))


@pytest.mark.parametrize(
    ("ages", "target", "allowed", "reason", "sentence"),
    [
        ((), replicas(4), None, "WithinBounds", "the ceiling allows the replicas that the demand needs"),
        (FOUR_WAIT, replicas(4, starting_for=(3.0,) * 4), None, "WithinBounds", ""),
        (
            (*FOUR_WAIT, 34.0),
            replicas(4, starting_for=(3.0,) * 4),
            None,
            "AtCeiling",
            "the demand needs more than the 4 replicas that spec.replicas.max allows",
        ),
        (
            (5.0,),
            replicas(2),
            2,
            "AtQuota",
            "the demand needs more than the 2 replicas that quota allows",
        ),
        (
            (5.0,),
            unadmitted(400.0),
            None,
            "NotAdmitted",
            "the demand needs 2 replicas, but pod chat-1",
        ),
        ((5.0,), unadmitted(20.0), None, "", ""),
        ((), unadmitted(400.0), None, "", ""),
    ],
)
def test_the_limits_are_too_low_as_long_as_the_demand_needs_more(
    ages: tuple[float, ...], target: Replicas, allowed: int | None, reason: str, sentence: str
) -> None:
    state = taught(SPEC, SLOW)._replace(service=JOBS_OF_20_SECONDS)
    seen = observe(reading(T0, ages, target.ready), target, ceiling=allowed)
    verdict = decide(T0, SPEC, seen, state)[0].within_limits
    assert verdict.holds is (verdict.reason == "WithinBounds")
    assert verdict.reason == (reason or "WithinBounds")
    assert verdict.message.startswith(sentence)


def test_a_load_that_grows_beyond_the_ceiling_is_said_before_requests_are_late() -> None:
    spec = spec_of(max_replicas=1, budget_seconds=600.0)
    state = taught(spec, QUICK)._replace(service=JOBS_OF_20_SECONDS)
    verdicts = []
    for step in range(60):
        now = T0 + 2.0 * step
        waiting = tuple(ArrivalBucket(T0 + 2.0 * each, 1) for each in range(step))
        depths = replace(reading(now, (), 1, arrived=step), queued=step, waiting=waiting)
        decision, state = decide(now, spec, observe(depths, replicas(1)), state)
        verdicts.append(decision.within_limits.holds)
    assert verdicts[0] is True
    assert verdicts[-1] is False
    assert decision.reason is Reason.AT_CEILING
    assert "has waited longer" not in decision.message


@pytest.mark.parametrize(
    ("ages", "in_seconds"), [((1.0,), 9.0), ((9.0, 2.0), 1.0), ((10.0,), 10.0), ((40.0, 1.0), 40.0)]
)
def test_the_words_are_due_again_when_a_request_gets_late_and_when_its_age_has_doubled(
    ages: tuple[float, ...], in_seconds: float
) -> None:
    state = taught(SPEC, SLOW)._replace(service=JOBS_OF_20_SECONDS)
    decision, _ = decide(T0, SPEC, observe(reading(T0, ages, 1), replicas(4)), state)
    assert decision.explain_at is not None
    assert decision.explain_at - T0 == pytest.approx(in_seconds)


@given(specs(), observations(T0), st.lists(st.floats(0.5, 100.0), max_size=8))
def test_nobody_is_promised_what_is_broken_already(spec, observation, starts) -> None:  # type: ignore[no-untyped-def]
    decision, _ = decide(T0, spec, observation, taught(spec, tuple(starts)))
    waiting = [bucket for demand in observation.demand for bucket in getattr(demand, "waiting", ())]
    is_late = any(T0 - bucket.arrived_at > spec.budget_seconds for bucket in waiting)
    assert not (is_late and decision.reason is Reason.WITHIN_BUDGET), decision.message
    if decision.reason in (Reason.LATE, Reason.NO_START_HELPS, Reason.AT_CEILING):
        assert decision.replicas == observation.replicas.desired
        assert decision.explain_at is not None
        assert decision.explain_at > T0
