"""The time limit that a request states, in all the ways in which clients state it."""

import pytest

from poolkeeper.activator.gate.deadlines import retry_after_seconds, stated_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"request-timeout": "30"}, 30),
        ({"x-request-timeout": "2.5"}, 2.5),
        ({"x-stainless-read-timeout": "600"}, 600),
        ({"x-envoy-upstream-rq-timeout-ms": "1500"}, 1.5),
        ({"grpc-timeout": "5S"}, 5),
        ({"grpc-timeout": "250m"}, 0.25),
        ({"grpc-timeout": "2M"}, 120),
        ({"prefer": "respond-async, wait=10"}, 10),
        ({"request-timeout": "30", "prefer": "wait=10"}, 10),
        ({"request-timeout": "0"}, None),
        ({"request-timeout": "-5"}, None),
        ({"request-timeout": "soon"}, None),
        ({"request-timeout": "1e9"}, None),
        ({"request-timeout": "inf"}, None),
        ({"grpc-timeout": "123456789S"}, None),
        ({"grpc-timeout": "5"}, None),
        ({"prefer": "waiting=10"}, None),
    ],
)
def test_stated_time_limits(headers: dict[str, str], seconds: float | None) -> None:
    assert stated_seconds(headers) == (pytest.approx(seconds) if seconds else None)


@pytest.mark.parametrize(("ready_in", "retry_after"), [(None, 1), (-3.0, 1), (0.2, 1), (41.2, 42)])
def test_retry_after_is_when_a_replica_is_expected(ready_in: float | None, retry_after: int) -> None:
    assert retry_after_seconds(ready_in) == retry_after
