"""How long is waited after a failure."""

from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.25, 5.0, draw=lambda _, most: most)
    assert [backoff.pause_seconds(failures) for failures in range(7)] == [0.25, 0.5, 1, 2, 4, 5, 5]


@given(failures=st.integers(0, 10**9))
def test_a_pause_is_never_below_half_the_first_nor_above_the_longest(failures: int) -> None:
    assert 0.05 <= Backoff(0.1, 2.0).pause_seconds(failures) <= 2.0


@given(failures=st.integers(0, 10**9))
def test_no_pause_is_shorter_than_the_one_before(failures: int) -> None:
    backoff = Backoff(0.25, 5.0, draw=lambda least, _: least)
    assert backoff.pause_seconds(failures + 1) >= backoff.pause_seconds(failures)
