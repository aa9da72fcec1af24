"""Which pods count for a target: those with its labels that nothing else has made."""

import pytest

from poolkeeper.controller.pool.pod_selection import PodSelection
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.watch.pod import project_pod

DEPLOYMENT = TargetKey("ns", "apps/v1", "Deployment", "chat")
STATEFUL_SET = TargetKey("ns", "apps/v1", "StatefulSet", "chat")
LEADER_WORKER_SET = TargetKey("ns", "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "chat")

CUSTOM = TargetKey("ns", "example.com/v1", "Model", "chat")


@pytest.mark.parametrize(
    ("target", "controller", "counts"),
    [
        (DEPLOYMENT, ("ReplicaSet", "chat-5d4f"), True),
        (DEPLOYMENT, ("ReplicaSet", "adopted-5d4f"), True),
        (DEPLOYMENT, ("Job", "chat"), False),
        (DEPLOYMENT, ("StatefulSet", "chat"), False),
        (DEPLOYMENT, None, False),
        (STATEFUL_SET, ("StatefulSet", "chat"), True),
        (STATEFUL_SET, ("StatefulSet", "other"), False),
        (STATEFUL_SET, ("ReplicaSet", "chat-5d4f"), False),
        (STATEFUL_SET, None, False),
        (LEADER_WORKER_SET, ("StatefulSet", "chat-0"), True),
        (LEADER_WORKER_SET, ("Job", "chat"), False),
        (CUSTOM, ("Model", "chat"), True),
        (CUSTOM, ("Model", "other"), False),
        (CUSTOM, ("ReplicaSet", "chat-5d4f"), True),
        (CUSTOM, ("Job", "chat-0"), True),
        (CUSTOM, ("DaemonSet", "logs"), False),
        (CUSTOM, ("Node", "node-1"), False),
        (CUSTOM, None, True),
        (DEPLOYMENT, ("DaemonSet", "logs"), False),
        (LEADER_WORKER_SET, None, False),
    ],
)
def test_a_pod_counts_unless_something_else_certainly_made_it(
    target: TargetKey, controller: tuple[str, str] | None, counts: bool
) -> None:
    owners: list[dict[str, object]] = [{"kind": "Node", "name": "no-controller"}]
    if controller is not None:
        owners.append({"kind": controller[0], "name": controller[1], "controller": True})
    metadata = {
        "uid": "1",
        "name": "p",
        "namespace": "ns",
        "labels": {"app": "chat"},
        "resourceVersion": "1",
        "ownerReferences": owners,
    }
    pods = [project_pod({"metadata": metadata})]
    assert bool(PodSelection(pods).matching("app=chat", target)) is counts


NAME, WORKER = "leaderworkerset.sigs.k8s.io/name", "leaderworkerset.sigs.k8s.io/worker-index"


@pytest.mark.parametrize(
    ("target", "labels", "kind", "counts"),
    [
        (LEADER_WORKER_SET, {NAME: "chat", WORKER: "1"}, "StatefulSet", True),
        (LEADER_WORKER_SET, {NAME: "chat", WORKER: "0"}, "StatefulSet", False),
        (LEADER_WORKER_SET, {NAME: "chat"}, "StatefulSet", False),
        (LEADER_WORKER_SET, {NAME: "other", WORKER: "1"}, "StatefulSet", False),
        (LEADER_WORKER_SET, {NAME: "chat", WORKER: "1"}, "Job", False),
        (STATEFUL_SET, {NAME: "chat", WORKER: "1"}, "StatefulSet", False),
    ],
)
def test_the_workers_of_a_group_are_found_by_their_labels(
    target: TargetKey, labels: dict[str, str], kind: str, counts: bool
) -> None:
    metadata = {
        "uid": "1",
        "name": "chat-0-1",
        "namespace": "ns",
        "labels": labels,
        "resourceVersion": "1",
        "ownerReferences": [{"kind": kind, "name": "chat-0", "controller": True}],
    }
    assert bool(PodSelection([project_pod({"metadata": metadata})]).workers(target)) is counts
