"""A stop over HTTP through the reconciler: what is decided and written while the activators take over."""

from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.core.policy.say import time_of_day
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import CLEAR, Stop, Waiting
from tests.component.controller.fake_cluster import FakeCluster
from tests.component.controller.front.http_fakes import ready_pod

KEY = PoolKey("ns", "pool")
HTTP = {"name": "web", "http": {"service": "chat", "port": 80}}


def waiting(reason: str, since: float = 0.0) -> Waiting:
    """A stop that waits."""
    return Waiting(reason, f"it is {reason}", since)


async def turned(cluster: FakeCluster, stop: Stop) -> None:
    """The front has taken a turn, and the pool is looked at if that is news."""
    cluster.readings.front_turned(KEY, stop, None)
    while len(cluster.agenda):
        key = await cluster.agenda.take()
        await cluster.look(key.name)
        cluster.agenda.done(key)


async def idle_for_a_minute(cluster: FakeCluster, **changes: Any) -> None:
    """A pool behind a Service whose one replica has been idle for a minute."""
    pod = replace(ready_pod("10.1.0.1"), labels={"app": "worker"})
    cluster.scales.replicas["worker"], cluster.scales.selector = 1, "app=worker"
    cluster.pods.present = {pod.uid: pod}
    cluster.declare(demand=[HTTP], **changes)
    for _ in range(3):
        cluster.now += 20.0
        cluster.readings.published(KEY, Sample("web", cluster.now, 0, 0))
        await cluster.look()


def decided(cluster: FakeCluster) -> tuple[str, int]:
    """Reason and replicas of the last decision."""
    pool = cluster.store.get(KEY)
    assert pool is not None
    assert pool.decision is not None
    return pool.decision.reason.value, pool.decision.replicas


async def test_one_reason_and_one_write_on_the_way_down(cluster: FakeCluster) -> None:
    await idle_for_a_minute(cluster)
    assert decided(cluster) == ("HandingOver", 1)
    for reason in ("Joining", "Settling", "Holding", "Confirming"):
        cluster.now += 1.0
        cluster.readings.published(KEY, Sample("web", cluster.now, 0, 0))
        since = cluster.now - 2.0
        await turned(cluster, waiting(reason, since))
        assert decided(cluster) == ("HandingOver", 1)
        message = cluster.statuses.written[-1]["decision"]["message"]
        assert f"waiting since {time_of_day(since)}: it is {reason}" in message, (
            "what people read is true at every step"
        )
    assert cluster.scales.writes == []

    await turned(cluster, CLEAR)
    assert cluster.scales.writes == [("worker", 0)], "at once"
    reasons = [reason for _, reason in cluster.events]
    assert reasons.count("StopIdle") == 1


async def test_the_same_stop_again_is_no_news(cluster: FakeCluster) -> None:
    await idle_for_a_minute(cluster)
    await turned(cluster, waiting("Settling"))
    decisions = cluster.decisions()
    for _ in range(5):
        await turned(cluster, waiting("Settling"))
    assert cluster.decisions() == decisions


async def test_a_stop_that_is_taken_back_is_not_written(cluster: FakeCluster) -> None:
    await idle_for_a_minute(cluster)
    cluster.lease.is_held = False
    await turned(cluster, CLEAR)
    cluster.lease.is_held = True
    await turned(cluster, waiting("Joining"))
    assert cluster.scales.writes == []


async def test_a_stop_that_is_taken_back_while_the_scale_is_read_is_not_written(cluster: FakeCluster) -> None:
    await idle_for_a_minute(cluster)
    cluster.now += 1.0
    cluster.scales.while_reading = lambda: cluster.readings.front_turned(KEY, waiting("Joining"), None)
    cluster.readings.front_turned(KEY, CLEAR, None)
    await cluster.look()
    assert cluster.scales.writes == []
    assert decided(cluster) == ("HandingOver", 1)


async def test_an_edit_takes_the_leave_to_stop_back(cluster: FakeCluster) -> None:
    await idle_for_a_minute(cluster)
    cluster.lease.is_held = False
    await turned(cluster, CLEAR)
    cluster.lease.is_held = True
    cluster.declare(demand=[HTTP | {"pollMilliseconds": 100}], generation=2)
    cluster.readings.published(KEY, Sample("web", cluster.now, 0, 0))
    await cluster.look()
    assert cluster.scales.writes == [], "the Service has not been looked at since"


async def test_a_pool_that_only_observes_shows_the_stop_itself(cluster: FakeCluster) -> None:
    await idle_for_a_minute(cluster, mode="Observe")
    assert decided(cluster) == ("StopIdle", 0)
    assert cluster.scales.writes == []


@pytest.mark.parametrize("queue", [True, False])
async def test_a_pool_with_queues_alone_stops_at_once(cluster: FakeCluster, *, queue: bool) -> None:
    redis = {"name": "web", "redisList": {"address": "redis:6379", "list": "jobs", "processingList": "busy"}}
    await idle_for_a_minute(cluster)
    cluster.declare(demand=[redis] if queue else [HTTP], generation=2)
    for _ in range(3):
        cluster.now += 20.0
        cluster.readings.published(KEY, Sample("web", cluster.now, 0, 0))
        await cluster.look()
    assert cluster.scales.writes == ([("worker", 0)] if queue else [])
