"""What the verdict on requests across faults accepts, and what it does not."""

import pytest

from hack.bench.http.scene.clients import ANSWERED, CUT, NO_ENDPOINT, REFUSED, RESET, TIMEOUT, Attempt
from hack.bench.http.scene.losses import Kill, Victim, judge

ACTIVATOR, MODEL, OTHER = "10.88.1.2", "10.88.2.2", "10.88.2.3"
KILLS = [Kill(Victim.ACTIVATOR, ACTIVATOR, 100.0), Kill(Victim.MODEL, MODEL, 200.0)]


def attempt(outcome: str, address: str, began: float, ended: float) -> Attempt:
    return Attempt(
        number=1,
        began=began,
        ended=ended,
        address=address,
        outcome=outcome,
        through_activator=address == ACTIVATOR,
    )


def test_an_answered_request_that_was_executed_once_is_in_order() -> None:
    verdict = judge([attempt(ANSWERED, OTHER, 1, 2)], KILLS, [1])
    assert (verdict.is_met, verdict.answered) == (True, 1)


@pytest.mark.parametrize(
    ("failed", "victim"),
    [
        (attempt(RESET, ACTIVATOR, 90, 100.1), Victim.ACTIVATOR),
        (attempt(REFUSED, ACTIVATOR, 101, 101), Victim.ACTIVATOR),
        (attempt(RESET, MODEL, 199, 200.1), Victim.MODEL),
        (attempt(REFUSED, MODEL, 203, 203), Victim.MODEL),
        (attempt(NO_ENDPOINT, "", 201, 201), Victim.MODEL),
        (attempt("status 502", ACTIVATOR, 190, 200.2), Victim.MODEL),
        (attempt(CUT, ACTIVATOR, 190, 200.2), Victim.MODEL),
        (attempt(CUT, MODEL, 190, 200.2), Victim.MODEL),
    ],
)
def test_what_a_kill_explains(failed: Attempt, victim: Victim) -> None:
    verdict = judge([failed], KILLS, [1])
    assert not verdict.lost
    assert verdict.explained == {(victim, failed.outcome): 1}


@pytest.mark.parametrize(
    "failed",
    [
        attempt(RESET, ACTIVATOR, 90, 99.9),  # before the kill
        attempt(RESET, ACTIVATOR, 90, 103),  # too long after it to have been inside
        attempt(RESET, OTHER, 90, 100.1),  # at another process
        attempt(RESET, OTHER, 199, 200.1),
        attempt(REFUSED, MODEL, 206, 206),  # the endpoint should have left before
        attempt(REFUSED, OTHER, 201, 201),
        attempt(NO_ENDPOINT, "", 101, 101),  # the other activator was there
        attempt(RESET, ACTIVATOR, 190, 200.2),  # an activator answers 502 for a model pod that was killed
        attempt("status 502", OTHER, 200, 200.1),  # not from an activator
        attempt("status 503", ACTIVATOR, 199, 200.1),
        attempt(TIMEOUT, ACTIVATOR, 99, 199),
    ],
)
def test_what_no_kill_explains_is_lost(failed: Attempt) -> None:
    verdict = judge([failed], KILLS, [1])
    assert verdict.lost == [failed]
    assert not verdict.is_met


def test_a_request_that_was_executed_twice_is_never_in_order() -> None:
    answered = attempt(ANSWERED, OTHER, 1, 2)
    killed = attempt(RESET, MODEL, 199, 200.1)
    for each in (answered, killed):
        fine = Attempt(number=2, began=1, ended=2, address=OTHER, outcome=ANSWERED)
        verdict = judge([each, fine], KILLS, [1, 1, 2])
        assert (verdict.twice, verdict.is_met) == ([1], False)


def test_an_answer_without_an_execution_is_found() -> None:
    verdict = judge([attempt(ANSWERED, OTHER, 1, 2)], KILLS, [])
    assert (verdict.never, verdict.is_met) == ([1], False)


def test_nothing_answered_at_all_is_no_success() -> None:
    assert not judge([], [], []).is_met
