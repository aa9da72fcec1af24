"""What is published about one source, and when an outage began."""

import pytest

from poolkeeper.api.demand import DemandSource, RedisList
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.sources.base import PoolKey, SourceFailure
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.registry import queue_of
from poolkeeper.sources.watch import Watch

POOL = PoolKey("serving", "chat")
TIMEOUT = SourceFailure("Timeout", "no answer")
REFUSED = SourceFailure("ConnectionFailed", "refused")


@pytest.fixture
def published() -> list[Sample | Unavailable]:
    return []


@pytest.fixture
def watch(published: list[Sample | Unavailable]) -> Watch:
    queue = RedisList(address="redis:6379", list="jobs")
    source = DemandSource(name="queue", redis_list=queue)
    return Watch(POOL, "queue", 0.5, queue_of(source), lambda _, outcome: published.append(outcome))


def test_a_sample_carries_all_that_was_read(watch: Watch, published: list[Sample | Unavailable]) -> None:
    watch.report(
        Depth(queued=3, in_flight=2, in_flight_marker="marker", oldest_arrived_at=90.0),
        observed_at=100.0,
        server_id="run",
    )
    assert published == [
        Sample(
            source="queue",
            observed_at=100.0,
            queued=3,
            in_flight=2,
            in_flight_marker="marker",
            oldest_arrived_at=90.0,
            server_id="run",
        )
    ]


def test_an_outage_begins_with_its_first_failure_and_ends_with_a_sample(
    watch: Watch, published: list[Sample | Unavailable]
) -> None:
    watch.fail(TIMEOUT, 100.0)
    watch.fail(REFUSED, 105.0)
    watch.report(Depth(0), 110.0, "run")
    watch.fail(TIMEOUT, 120.0)
    assert published == [
        Unavailable("queue", "Timeout", "source queue (redis:6379): no answer", 100.0),
        Unavailable("queue", "ConnectionFailed", "source queue (redis:6379): refused", 100.0),
        Sample("queue", 110.0, 0, server_id="run"),
        Unavailable("queue", "Timeout", "source queue (redis:6379): no answer", 120.0),
    ]


def test_a_replaced_watch_is_silent(watch: Watch, published: list[Sample | Unavailable]) -> None:
    watch.is_current = False
    watch.report(Depth(1), 100.0, "run")
    watch.fail(TIMEOUT, 101.0)
    assert published == []


def test_a_listener_that_fails_is_logged_and_harms_nobody(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    def listener(pool: PoolKey, outcome: Sample | Unavailable) -> None:
        raise RuntimeError("listener")

    watch.publish = listener
    watch.report(Depth(1), 100.0, "run")
    watch.fail(TIMEOUT, 101.0)
    assert [record.message for record in caplog.records] == [
        "serving/chat could not take in what source queue published"
    ] * 2
