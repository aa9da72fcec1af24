"""A pool with a price, and what its bill counts."""

from typing import Any

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

KEY = PoolKey("ns", "pool")


PRICED = AcceleratorClassSpec(
    vendor="V", display_name="Chip", node_tail_seconds=100, watts_per_chip=300, dollars_per_chip_hour="36"
)
"""One cent for each second of a chip."""


def pod(name: str, scheduled_at: float, ready_at: float | None) -> Pod:
    """A replica that has a node, and maybe serves."""
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": format_timestamp(scheduled_at)}
    ]
    if ready_at is not None:
        conditions.append(
            {"type": "Ready", "status": "True", "lastTransitionTime": format_timestamp(ready_at)}
        )
    running = [{"name": "server", "state": {"running": {"startedAt": format_timestamp(scheduled_at + 1)}}}]
    return project_pod(
        {
            "metadata": {
                "uid": name,
                "name": name,
                "namespace": "ns",
                "labels": {"app": "worker"},
                "resourceVersion": "1",
                "creationTimestamp": format_timestamp(scheduled_at),
                "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
            },
            "spec": {"containers": [{"name": "server", "readinessProbe": {"exec": {"command": ["true"]}}}]},
            "status": {"conditions": conditions, "containerStatuses": running},
        }
    )


def found(cluster: FakeCluster) -> Pool:
    pool = cluster.store.get(KEY)
    assert pool is not None
    return pool


async def shows(cluster: FakeCluster, *pods: Pod, queued: int = 0, in_flight: int = 0) -> None:
    """The pods and the queue as they are now, and a look."""
    cluster.pods.present = {each.uid: each for each in pods}
    cluster.readings.pods_changed("ns", cluster.pods.present)
    cluster.publish(queued, in_flight)
    await cluster.look()


async def begun(cluster: FakeCluster, **changes: Any) -> None:
    """A pool whose replica has a node, with one chip each."""
    cluster.store.classes["cpu"] = PRICED
    cluster.scales.replicas["worker"] = 1
    cluster.declare(**changes)
    await cluster.look()
    pool = found(cluster)
    pool.surroundings = pool.surroundings.__class__(
        size=ReplicaSize(chips=1), expires_at=1e12, placement_expires_at=1e12
    )
    await shows(cluster, pod("a", cluster.now, None), queued=1)
