"""The idle time of a pool goes on after a restart of the operator: what was seen of it counts, no more."""

from collections.abc import Callable
from typing import Any

import pytest

from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.kube.watch.pod import project_pod
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

POLL_SECONDS = 0.5
IDLE_SECONDS = 300
ZERO = {"mode": "Fixed", "idleSeconds": IDLE_SECONDS}
RUNNING = project_pod(
    {
        "metadata": {
            "uid": "a",
            "name": "worker-a",
            "namespace": "ns",
            "labels": {"app": "worker"},
            "creationTimestamp": "1970-01-12T13:00:00Z",
            "resourceVersion": "1",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
        },
        "spec": {"containers": [{"name": "model", "readinessProbe": {"httpGet": {"port": 80}}}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-12T13:01:00Z"}],
            "containerStatuses": [{"name": "model", "ready": True, "state": {"running": {}}}],
        },
    }
)


def empty(cluster: FakeCluster) -> None:
    """Nothing waits, and nothing is in flight."""
    cluster.publish(0)


class Restarts:
    """An operator that is restarted again and again beside a queue; what it writes stays."""

    def __init__(self, poll: Callable[[FakeCluster], None] = empty, **declared: Any) -> None:
        self._poll = poll
        self._declared = {"scaleToZero": ZERO, **declared}
        self.now = 1_000_000.0
        self.replicas = 1
        self.status: dict[str, Any] | None = None
        self.writes = 0
        self.seen_seconds = 0.0

    async def run(self, seconds: float, *, first_poll_after: float = 2.0) -> None:
        """One life of the operator, until it ends without warning or the pool has stopped."""
        cluster = FakeCluster()
        cluster.now = self.now
        cluster.scales.replicas["worker"] = self.replicas
        cluster.pods.present = {"a": RUNNING} if self.replicas else {}
        cluster.declare(status=self.status, **self._declared)
        while cluster.now < self.now + seconds and self.replicas:
            if cluster.now >= self.now + first_poll_after:
                self._poll(cluster)
                self.seen_seconds += POLL_SECONDS
            await cluster.look()
            self.replicas = cluster.scales.replicas["worker"]
            cluster.now += POLL_SECONDS
        self.now = cluster.now
        self.writes += len(cluster.statuses.written)
        self.status = cluster.statuses.written[-1] if cluster.statuses.written else self.status

    async def until_stopped(self, life_seconds: float, *, within: float) -> float:
        """How long it took until the pool was at zero; fails after `within` seconds."""
        began = self.now
        while self.replicas:
            assert self.now - began < within, f"no stop within {within} s"
            await self.run(life_seconds)
        return self.now - began


@pytest.mark.parametrize(
    ("life_seconds", "within"),
    [(10_000.0, 310.0), (301.0, 400.0), (90.0, 450.0), (61.0, 1600.0), (30.0, 800.0), (20.0, 600.0)],
)
async def test_an_operator_that_restarts_again_and_again_still_stops_an_idle_pool(
    life_seconds: float, within: float
) -> None:
    restarts = Restarts()
    took = await restarts.until_stopped(life_seconds, within=within)
    assert restarts.seen_seconds >= IDLE_SECONDS
    assert restarts.writes <= 4 + 3 * (took / life_seconds) + took / 60


async def test_time_in_which_no_operator_ran_is_not_counted() -> None:
    restarts = Restarts()
    await restarts.run(200.0)
    restarts.now += 100_000.0
    await restarts.run(100.0)
    assert restarts.replicas == 1
    await restarts.until_stopped(10_000.0, within=90.0)


async def test_a_request_after_the_restart_begins_the_idle_time_anew() -> None:
    restarts = Restarts()
    await restarts.run(290.0)
    waiting = iter([0, 1])
    restarts._poll = lambda cluster: cluster.publish(next(waiting, 0))
    await restarts.run(200.0)
    assert restarts.replicas == 1


@pytest.mark.parametrize("last_taken", ["", "5-0"])
async def test_a_stream_that_has_moved_on_meanwhile_begins_the_idle_time_anew(last_taken: str) -> None:
    """Where the source can't tell, the idle time goes on."""
    delivered = "4-0"

    def poll(cluster: FakeCluster) -> None:
        sample = Sample("jobs", cluster.now, 0, 0, server_id="run-1", last_taken=delivered)
        cluster.readings.published(PoolKey("ns", "pool"), sample)

    restarts = Restarts(poll)
    await restarts.run(250.0)
    delivered = last_taken or delivered
    await restarts.run(200.0)
    assert restarts.replicas == (1 if last_taken else 0)


async def test_a_queue_server_that_restarted_meanwhile_begins_the_idle_time_anew() -> None:
    run_id = "run-1"

    def poll(cluster: FakeCluster) -> None:
        cluster.readings.published(PoolKey("ns", "pool"), Sample("jobs", cluster.now, 0, 0, server_id=run_id))

    restarts = Restarts(poll)
    await restarts.run(250.0)
    run_id = "run-2"
    await restarts.run(200.0)
    assert restarts.replicas == 1


async def test_work_that_can_not_be_seen_may_have_come_during_the_restart() -> None:
    source = {
        "name": "jobs",
        "redisList": {"address": "redis:6379", "list": "jobs"},
        "maxServiceSeconds": 120,
    }

    def poll(cluster: FakeCluster) -> None:
        cluster.readings.published(PoolKey("ns", "pool"), Sample("jobs", cluster.now, 0))

    restarts = Restarts(poll, demand=[source])
    await restarts.run(290.0)
    await restarts.run(115.0)
    assert restarts.replicas == 1
    await restarts.until_stopped(10_000.0, within=130.0)


async def test_a_pool_at_its_floor_writes_nothing_while_it_idles_and_after_a_restart() -> None:
    restarts = Restarts(replicas={"min": 1, "max": 2})
    await restarts.run(600.0, first_poll_after=0.0)
    before = restarts.writes
    for _ in range(3):
        await restarts.run(600.0, first_poll_after=0.0)
    assert restarts.writes == before


async def test_an_idle_time_is_written_once_a_minute() -> None:
    restarts = Restarts(scaleToZero={"mode": "Fixed", "idleSeconds": 6_000})
    await restarts.run(600.0)
    assert restarts.replicas == 1
    assert restarts.writes <= 2 + 11
