"""A pool whose replica does not start, and the pods that show why."""

from typing import Any

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

GATED = {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}


ON_NODE = {"nodeName": "n1"}


def waiting(reason: str) -> list[dict[str, Any]]:
    """The status of a container that the kubelet keeps waiting."""
    return [{"name": "model", "state": {"waiting": {"reason": reason}}}]


RUNNING = [{"name": "model", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]


def pod_of(
    cluster: FakeCluster, name: str = "worker-1", *, spec: dict[str, Any] | None = None, **status: Any
) -> Pod:
    """A pod of the target that was created now."""
    owner = {"kind": "ReplicaSet", "name": "worker-1", "controller": True}
    created = {
        "creationTimestamp": format_timestamp(cluster.now),
        "resourceVersion": "1",
        "ownerReferences": [owner],
    }
    metadata = {"uid": name, "name": name, "namespace": "ns", "labels": {"app": "worker"}, **created}
    containers = [{"name": "model", "readinessProbe": {"httpGet": {}}}]
    return project_pod(
        {"metadata": metadata, "spec": {"containers": containers, **(spec or {})}, "status": status}
    )


def unscheduled(message: str) -> list[dict[str, Any]]:
    """The conditions of a pod that the scheduler finds no node for."""
    return [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]


async def asked(cluster: FakeCluster, **changes: Any) -> None:
    """A pool at zero that a request has just started a replica of."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare(**changes)
    cluster.publish(1)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 1)]


async def show(cluster: FakeCluster, *pods: Pod, seconds: float = 1.0, queued: int = 1) -> None:
    """The target has these pods some time later."""
    cluster.now += seconds
    cluster.pods.present = {pod.uid: pod for pod in pods}
    cluster.readings.pods_changed("ns", cluster.pods.present)
    cluster.publish(queued)
    await cluster.look()


def message_of(cluster: FakeCluster) -> str:
    """The message of the condition."""
    conditions = cluster.statuses.written[-1]["conditions"]
    return str(next(each["message"] for each in conditions if each["type"] == "StartsSucceed"))


def decided(cluster: FakeCluster) -> tuple[str, str]:
    """Reason and message of the decision in the status: what STATE and `explain` show."""
    decision = cluster.statuses.written[-1]["decision"]
    return decision["reason"], decision["message"]
