"""A pool with a fallback: one class may have no capacity, the other always has."""

from typing import Any

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

FALLBACK = {"name": "big", "targetRef": {"name": "other"}, "accelerator": {"class": "large"}}


SPEC: dict[str, Any] = {
    "fallbacks": [FALLBACK],
    "coldStart": {"budgetSeconds": 60, "start": "Immediately", "expectedSeconds": 10},
    "scaleToZero": {"mode": "Fixed", "idleSeconds": 60},
    "replicas": {"min": 0, "max": 1},
}


def pod(target: str, number: int, now: float, *, is_ready: bool) -> Pod:
    """A replica that serves, or one that finds no node."""
    at = format_timestamp(now)
    metadata = {
        "uid": f"{target}-{number}",
        "name": f"{target}-{number}",
        "namespace": "ns",
        "resourceVersion": "1",
        "ownerReferences": [{"kind": "ReplicaSet", "name": f"{target}-1", "controller": True}],
        "labels": {"app": target, "model": "chat"},
        "creationTimestamp": at,
    }
    container = {"name": "server", "readinessProbe": {"exec": {}}}
    if is_ready:
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": at}]
        running = {"name": "server", "state": {"running": {"startedAt": at}}}
        status = {"phase": "Running", "conditions": conditions, "containerStatuses": [running]}
        status |= {"podIPs": [{"ip": f"10.0.0.{number + (10 if target == 'other' else 0)}"}]}
    else:
        refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}
        status = {"phase": "Pending", "conditions": [refused]}
    spec = {"containers": [container]} | ({"nodeName": "node"} if is_ready else {})
    return project_pod({"metadata": metadata, "spec": spec, "status": status})


class World:
    """The class of `worker` has capacity or not, that of `other` always has."""

    def __init__(self, cluster: FakeCluster, **changes: Any) -> None:
        self.cluster, self.has_capacity = cluster, False
        cluster.scales.replicas |= {"worker": 0, "other": 0}
        cluster.store.classes["large"] = cluster.store.classes["cpu"]
        cluster.declare(**SPEC | changes)

    async def seconds_pass(self, seconds: int, queued: int = 0, in_flight: int = 0) -> list[tuple[str, int]]:
        """A look each second; the writes of that time."""
        before = len(self.cluster.scales.writes)
        for _ in range(seconds):
            self.cluster.now += 1.0
            self.sync_pods()
            self.cluster.publish(queued, in_flight)
            await self.cluster.look()
        return self.cluster.scales.writes[before:]

    def sync_pods(self) -> None:
        """Every replica has a pod, which is ready where there is capacity."""
        wanted = {}
        for target, is_ready in (("worker", self.has_capacity), ("other", True)):
            for number in range(self.cluster.scales.replicas[target]):
                known = self.cluster.pods.present.get(f"{target}-{number}")
                if known is None or known.is_ready != is_ready:
                    known = pod(target, number, self.cluster.now, is_ready=is_ready)
                wanted[known.uid] = known
        if wanted != self.cluster.pods.present:
            self.cluster.pods.present = wanted
            self.cluster.readings.pods_changed("ns", wanted)

    @property
    def pool(self) -> Pool:
        (pool,) = self.cluster.store.all()
        return pool

    @property
    def arms(self) -> dict[str, dict[str, Any]]:
        """What the status says of each class."""
        return {each["name"]: each for each in self.cluster.statuses.written[-1]["arms"]}
