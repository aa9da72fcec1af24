"""A start is delayed once enough starts were seen that an unseen slow kind is less likely than the risk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning.starts.unseen import starts_before_delay
from poolkeeper.core.tuning import STARTS_BEFORE_DELAY
from tests.unit.core.strategies import spec_of, taught

SPEC = spec_of()
FAST = taught(SPEC, (40.0,) * 5).starts
BOTH = taught(SPEC, (40.0, 41.0, 40.0, 150.0)).starts


@pytest.mark.parametrize(
    ("risk", "enough"),
    [
        (0.1, 3),
        (0.0125, 4),  # 0.3 / (5 × 6) = 1 %
        (0.005, 7),  # 0.3 / (8 × 9) = 0.42 %
        (0.0025, 10),
        (0.0005, 23),
    ],
)
def test_the_smaller_the_risk_the_more_starts_must_have_been_seen(risk: float, enough: int) -> None:
    assert starts_before_delay(FAST, risk) == enough


@given(risk=st.floats(1e-6, 0.5))
def test_so_many_starts_leave_no_more_than_the_risk(risk: float) -> None:
    enough = starts_before_delay(FAST, risk)
    assert 0.3 / ((enough + 1) * (enough + 2)) <= risk * 1.0001 or enough == STARTS_BEFORE_DELAY
    assert enough == STARTS_BEFORE_DELAY or 0.3 / (enough * (enough + 1)) > risk


@pytest.mark.parametrize("risk", [0.1, 0.0005, 0.0])
def test_where_both_kinds_were_seen_three_are_enough(risk: float) -> None:
    assert starts_before_delay(BOTH, risk) == STARTS_BEFORE_DELAY


def test_without_any_risk_no_start_is_ever_delayed() -> None:
    assert starts_before_delay(FAST, 0.0) > 500
