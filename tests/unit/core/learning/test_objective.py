"""The account of late requests: what was declared is what comes of it, however wrong the estimates are."""

import math
import random

import pytest

from poolkeeper.core.learning.lateness import objective
from poolkeeper.core.learning.lateness.objective import Objective
from poolkeeper.core.learning.lateness.promise import NOT_LATE, Late
from poolkeeper.core.tuning import DELAY_GAIN, DELAY_SHARE, MOST_RISK

PER_START = 5


def share_late(allowed_share: float, misjudged: float) -> float:
    """Of the requests of many starts, each as risky as the account allows, times an error of judgement.

    A start that is late makes four of its five requests late, not the two that are counted.
    """
    rng = random.Random(1)
    account = objective.initial(allowed_share)
    taken = taken_late = 0
    for start in range(20_000):
        risk = min(account.allowance(allowed_share) / 2, MOST_RISK)
        late = 4 if rng.random() < misjudged * risk else 0
        account = objective.start_begins(account)
        account = objective.learn(account, PER_START, Late(delay=late), allowed_share)
        if start >= 2_000:
            taken, taken_late = taken + PER_START, taken_late + late
    return taken_late / taken


@pytest.mark.parametrize("misjudged", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("allowed_share", [0.005, 0.02])
def test_in_the_long_run_as_many_are_late_as_may_be(allowed_share: float, misjudged: float) -> None:
    assert share_late(allowed_share, misjudged) == pytest.approx(allowed_share, rel=0.05)


def test_a_balance_of_other_times_does_not_last_for_ever() -> None:
    account = objective.learn(objective.initial(0.01), 1_000_000, NOT_LATE, 0.01)
    for _ in range(50):
        account = objective.learn(account, 1, Late(delay=1), 0.01)
    assert account.allowance(0.01) < 0.1 * objective.initial(0.01).allowance(0.01)


def priced(price: float, per_restart: float, late_by: Late, requests: int = 10) -> float:
    """The price after ten requests of a pool that declared 99 %, unless said otherwise."""
    account = Objective(price=price, restarts=40, late_per_restart=per_restart)
    return objective.learn(account, requests, late_by, 0.01).price


@pytest.mark.parametrize(
    ("per_restart", "late_by", "factor"),
    [
        pytest.param(1.0, Late(), 0.999, id="fewer late than declared"),
        pytest.param(1.0, Late(start=5), 1.05, id="five more late than declared"),
        pytest.param(1.0, Late(delay=2, start=3), 1.05, id="behind a start that was delayed too"),
        pytest.param(5.0, Late(start=5), 1.01, id="all of one restart count as one"),
        pytest.param(0.25, Late(start=5), 1.216, id="where few restarts make any late, each counts more"),
        pytest.param(1.0, Late(replicas=5, ceiling=4), 0.999, id="idling would have saved none of them"),
    ],
)
def test_late_requests_that_idling_would_have_saved_raise_the_price(
    per_restart: float, late_by: Late, factor: float
) -> None:
    assert priced(1.0, per_restart, late_by) == pytest.approx(factor, rel=2e-3)


@pytest.mark.parametrize(("per_restart", "highest"), [(0.1, 20.0), (1.0, 20.0), (10.0, 1.59), (100.0, 0.126)])
def test_what_one_restart_makes_late_has_a_highest_price(per_restart: float, highest: float) -> None:
    assert priced(19.999, per_restart, Late(start=10)) == pytest.approx(highest, rel=0.01)


def test_a_restart_is_expected_to_make_as_many_late_as_those_before_it() -> None:
    account = objective.initial(0.01)
    assert account.restart_worth(0.5) == 0.5 * account.price
    for late in (6, 4, 0, 2):
        account = objective.restart_ended(objective.learn(account, 10, Late(start=late), 0.01))
    assert account.late_per_restart == pytest.approx(3.0)
    assert account.restart_worth(0.5) == pytest.approx((0.5 + 12) / 5 * account.price)


def test_restarts_of_other_times_are_forgotten() -> None:
    account = Objective(restarts=40, late_per_restart=8.0)
    for _ in range(80):
        account = objective.restart_ended(account)
    assert account.late_per_restart < 1.2


@pytest.mark.parametrize(
    ("taken", "other", "expected"),
    [(0.0, 0.0, 0.01), (1000.0, 0.0, 0.01), (1000.0, 4.0, 0.004), (1000.0, 9.0, 0.0), (1000.0, 50.0, 0.0)],
)
def test_delays_get_what_other_causes_leave(taken: float, other: float, expected: float) -> None:
    account = objective.Objective(taken=taken, other=other)
    assert account.left(0.01) == pytest.approx(expected)
    assert account.allowance(0.01) == pytest.approx(max(expected, DELAY_SHARE))


def test_each_late_request_is_paid_by_its_cause() -> None:
    """Ten requests at 99 %: one is late by a delay, two by the start."""
    account = objective.learn(objective.initial(0.01), 10, Late(delay=1, start=2), 0.01)
    assert account.balance == pytest.approx(0.01 * 10 - 3)
    assert account.least_balance == pytest.approx(DELAY_SHARE * 10 - 1)
    assert account.delay_share == pytest.approx(math.exp(-DELAY_GAIN * (1 - DELAY_SHARE * 10)))
    assert (account.taken, account.other) == (10.0, 2.0)
