"""How long a server that fails is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.sources.link import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, retry_seconds


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_retries_slow_down_but_never_stop(failures: int, jitter: float) -> None:
    pause = retry_seconds(failures, jitter)
    assert FIRST_RETRY_SECONDS / 2 <= pause <= LONGEST_RETRY_SECONDS
    assert retry_seconds(failures + 1, jitter) >= pause


def test_retries_double_up_to_the_bound() -> None:
    assert [retry_seconds(failures, 0) for failures in range(1, 8)] == [0.25, 0.5, 1, 2, 4, 5, 5]
