"""What becomes of a decision if its pool changes while the API server is waited for."""

from collections.abc import Callable

import pytest

from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.watch.pod import project_pod
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

METADATA = {
    "uid": "uid",
    "name": "pod",
    "namespace": "ns",
    "labels": {"app": "worker"},
    "resourceVersion": "1",
}
NEW_POD = {"metadata": METADATA}


async def look_during(cluster: FakeCluster, change: Callable[[], object]) -> None:
    """A look that is about to write two replicas, with a change during its last read."""
    cluster.scales.replicas |= {"worker": 0, "other": 1}
    cluster.declare()
    cluster.publish(0)
    await cluster.look()
    cluster.now += 1.0
    cluster.publish(3)
    cluster.scales.while_reading = change
    await cluster.look()
    cluster.scales.while_reading = lambda: None


async def test_nothing_is_written_for_a_pool_that_is_deleted_meanwhile(cluster: FakeCluster) -> None:
    await look_during(cluster, lambda: cluster.updates.pool_gone(PoolKey("ns", "pool"), "uid-pool"))
    assert cluster.scales.writes == []


async def test_a_ceiling_that_is_lowered_meanwhile_is_kept(cluster: FakeCluster) -> None:
    await look_during(cluster, lambda: cluster.declare(generation=2, replicas={"max": 1}))
    assert cluster.scales.writes == []
    await cluster.look()
    assert cluster.scales.writes == [("worker", 1)]


async def test_a_pool_that_is_only_to_observe_from_now_on_writes_nothing(cluster: FakeCluster) -> None:
    await look_during(cluster, lambda: cluster.declare(generation=2, mode="Observe"))
    await cluster.look()
    assert cluster.scales.writes == []


@pytest.mark.parametrize("queued", [0, 3])
async def test_a_new_target_is_not_taken_for_the_old_one(cluster: FakeCluster, queued: int) -> None:
    await look_during(cluster, lambda: cluster.declare(generation=2, targetRef={"name": "other"}))
    cluster.publish(queued)
    await cluster.look()
    pool = cluster.store.get(PoolKey("ns", "pool"))
    assert pool is not None
    assert pool.target.selector == "app=other"
    assert {name for name, _ in cluster.scales.writes} <= {"other"}


async def test_what_is_around_the_old_target_is_not_believed_of_the_new_one(cluster: FakeCluster) -> None:
    cluster.scales.replicas |= {"worker": 0, "other": 0}
    cluster.declare()
    cluster.while_looking_around = lambda: cluster.declare(generation=2, targetRef={"name": "other"})
    await cluster.look()
    cluster.while_looking_around = lambda: None
    await cluster.look()
    assert cluster.looked_around == ["worker", "other"]


async def test_a_pod_that_appears_meanwhile_is_one_of_the_replicas(cluster: FakeCluster) -> None:
    def appear() -> None:
        cluster.pods.present = {"uid": project_pod(NEW_POD)}
        cluster.readings.pods_changed("ns", cluster.pods.present)

    await look_during(cluster, appear)
    assert cluster.scales.writes == [("worker", 2)]
    assert cluster.condition("Ready")[0] == "True"
