"""How long is waited after a failure, and how often a pool may speak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.backoff import Backoff
from poolkeeper.kube.objects.events import TokenBucket
from poolkeeper.kube.transport.client import retry_delay_seconds
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, KubeFailure

LONGEST = Backoff(first_seconds=0.1, longest_seconds=2.0, draw=lambda _, most: most)


def refused(status: int, retry_after_seconds: float | None = None) -> ApiError:
    return ApiError(status, "Reason", "message", retry_after_seconds=retry_after_seconds)


@pytest.mark.parametrize(
    ("failure", "attempt", "delay_seconds"),
    [
        (ApiUnreachable("ApiUnreachable", "cut"), 0, 0.1),
        (ApiUnreachable("ApiUnreachable", "cut"), 3, 0.8),
        (refused(503), 10_000, 2.0),
        (refused(500), 1, 0.2),
        (refused(429, 7.0), 0, 7.0),
        (refused(429, 0.0), 1, 0.2),
        (refused(403), 0, None),
        (refused(404), 0, None),
        (refused(409), 0, None),
        (refused(422), 0, None),
        (KubeFailure("Other", "thing"), 0, None),
    ],
)
def test_delays(failure: KubeFailure, attempt: int, delay_seconds: float | None) -> None:
    assert retry_delay_seconds(failure, attempt, LONGEST) == delay_seconds


def test_a_bucket_allows_a_burst_and_then_a_pace() -> None:
    bucket = TokenBucket(2, 10.0, 100.0)
    taken = [bucket.take(now) for now in (100.0, 100.0, 100.0, 109.0, 110.0, 110.0)]
    assert taken == [True, True, False, False, True, False]


@given(steps=st.lists(st.floats(0, 5), max_size=60))
def test_a_bucket_never_gives_more_than_it_got(steps: list[float]) -> None:
    bucket, now, taken = TokenBucket(3, 10.0, 0.0), 0.0, 0
    for step in steps:
        now += step
        taken += bucket.take(now)
        assert taken <= 3 + now / 10 + 1e-9


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 10.0, 100.0)
    assert [bucket.take(100.0), bucket.take(50.0), bucket.take(55.0)] == [True, False, False]
