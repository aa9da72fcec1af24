"""The account of late requests: what was declared is what comes of it, however wrong the estimates are."""

import random

import pytest

from poolkeeper.core.learning import objective
from poolkeeper.core.learning.promise import NOT_LATE, Late
from poolkeeper.core.tuning import MOST_RISK

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
