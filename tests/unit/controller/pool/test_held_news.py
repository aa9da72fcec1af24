"""What the events of a pod that waits say, and when they are asked for."""

from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.controller.pool.held.news import NO_NEWS, News, waiting_pod, what_events_say
from poolkeeper.controller.pool.troubles import shortened
from poolkeeper.kube.objects.pod_events import PodEvent, is_kueues, project_pod_event
from poolkeeper.kube.transport.fields import Unreadable
from poolkeeper.kube.watch.pod import Pod, project_pod

T0 = 1_700_000_000.0
REQUEST = "autoscaling.x-k8s.io/consume-provisioning-request"


def pod(name: str = "chat-1", gates: tuple[str, ...] = (), node: str = "", request: str = "") -> Pod:
    """A pod that has not started."""
    raw: dict[str, Any] = {
        "metadata": {
            "uid": name,
            "name": name,
            "namespace": "ns",
            "resourceVersion": "1",
            "creationTimestamp": "2023-11-14T22:13:20Z",
            "annotations": {REQUEST: request} if request else None,
        },
        "spec": {"schedulingGates": [{"name": gate} for gate in gates], "nodeName": node},
        "status": {"phase": "Pending"},
    }
    return project_pod(raw)


def event(reason: str, message: str = "", component: str = "", age: float = 10.0) -> PodEvent:
    return PodEvent(reason, message, component, T0 - age, "chat-1")


SCALED = event("TriggeredScaleUp", "pod triggered scale-up: [{gpu-l4 1->2 (max: 5)}]", "cluster-autoscaler")
NOT_SCALED = event("NotTriggerScaleUp", "pod didn't trigger scale-up: 2 max node group size reached", age=5.0)
NOMINATED = event("Nominated", "Pod should schedule on: nodeclaim/gpu-x7k2q", "karpenter")
AGAIN = event("Nominated", "Pod should schedule on: nodeclaim/gpu-b2c3d", "karpenter", age=5.0)
FAILED = event("FailedScheduling", "Failed to schedule pod, all instance types exceed limits", "karpenter")
SCHEDULERS = event(
    "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "default-scheduler", 1.0
)
PULLING = event("Pulling", 'Pulling image "vllm:1"', "kubelet")
PULLED = event("Pulled", 'Successfully pulled image "vllm:1" in 9s', "kubelet", age=1.0)
PENDING = event(
    "Pending", "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"
)
KUEUE = "kueue.x-k8s.io/admission"


@pytest.mark.parametrize(
    ("waits", "events", "reason", "words"),
    [
        (pod(), [], "", ""),
        (pod(), [SCHEDULERS], "", ""),
        (
            pod(),
            [SCHEDULERS, SCALED],
            "NodeProvisioning",
            "the cluster autoscaler makes a node: [{gpu-l4 1->2 (max: 5)}]",
        ),
        (
            pod(),
            [NOT_SCALED, SCALED],
            "Unschedulable",
            "the cluster autoscaler adds no node: 2 max node group size reached",
        ),
        (pod(), [NOMINATED, SCHEDULERS], "NodeProvisioning", "Karpenter makes a node: nodeclaim/gpu-x7k2q"),
        (
            pod(),
            [AGAIN, NOMINATED],
            "NodeProvisioning",
            "Karpenter makes a node: nodeclaim/gpu-b2c3d (nodes that it has tried so far: 2)",
        ),
        (
            pod(),
            [FAILED],
            "Unschedulable",
            "Karpenter adds no node: Failed to schedule pod, all instance types exceed limits",
        ),
        (pod(), [event("Nominated", "Pod should schedule on: node/ip-10-0-0-1", "karpenter")], "", ""),
        (pod(), [SCALED._replace(at=T0 - 1201.0)], "", ""),
        (
            pod(request="chat-prov"),
            [],
            "NodeProvisioning",
            "it waits for the ProvisioningRequest chat-prov",
        ),
        (pod(gates=(KUEUE,)), [PENDING], "SchedulingGated", f"Kueue says: {PENDING.message}"),
        (pod(gates=(KUEUE,)), [], "", ""),
        (pod(node="n1"), [PULLING], "ImagePulling", 'the image "vllm:1" has been pulled since 22:13:10 UTC'),
        (
            pod(node="n1"),
            [event("Scheduled", "assigned a node in the same second", "default-scheduler"), PULLING],
            "ImagePulling",
            'the image "vllm:1" has been pulled since 22:13:10 UTC',
        ),
        (pod(node="n1"), [PULLED, PULLING], "", ""),
        (pod(node="n1"), [SCALED], "", ""),
    ],
)
def test_the_last_event_that_says_why_a_pod_waits_counts(
    waits: Pod, events: list[PodEvent], reason: str, words: str
) -> None:
    assert what_events_say(waits, events, T0) == (reason, words)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "0/12 nodes are available: 12 Insufficient nvidia.com/gpu. preemption: 0/12 nodes are available: "
            "12 No preemption victims found for incoming pod.",
            "0/12 nodes: 12 Insufficient nvidia.com/gpu",
        ),
        (
            "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector. no new claims to "
            "deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
            "0/4 nodes: 4 node(s) didn't match Pod's node affinity/selector",
        ),
        ("no nodes available to schedule pods", "no nodes available to schedule pods"),
        ("", ""),
    ],
)
def test_the_words_of_the_scheduler_are_short(message: str, words: str) -> None:
    assert shortened(message) == words


def test_only_a_pod_whose_events_may_say_something_is_asked_about() -> None:
    on_node, lonely, gated = pod("a", node="n1"), pod("b"), pod("c", gates=("example.com/wait",))
    assert waiting_pod([]) is None
    assert waiting_pod([gated]) is None, "nobody is known who says why"
    assert waiting_pod([on_node, lonely]) is lonely
    assert waiting_pod([on_node, gated]) is on_node
    assert waiting_pod([replace(on_node, is_running=True), replace(lonely, is_terminating=True)]) is None
    assert is_kueues(pod(gates=(KUEUE,)))


def test_events_are_asked_for_once_a_wait_is_longer_than_usual() -> None:
    lonely = pod()
    assert NO_NEWS.due_at(None) is None
    assert NO_NEWS.due_at(lonely) == T0 + 3.0
    assert NO_NEWS.due_at(replace(lonely, has_node=True, scheduled_at=T0 + 60.0)) == T0 + 70.0
    known = News("chat-1", reason="NodeProvisioning", expires_at=T0 + 40.0)
    assert known.due_at(lonely) == T0 + 40.0
    assert known.due_at(replace(lonely, has_node=True, scheduled_at=T0 + 20.0)) == T0 + 30.0, "other events"


@pytest.mark.parametrize(
    "raw",
    [
        {"message": 7},
        {"source": []},
        {"involvedObject": "chat-1"},
        {"series": 5},
        {"lastTimestamp": {}},
    ],
)
def test_events_of_another_form_are_left_out(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        project_pod_event(raw)


def test_an_event_is_read_in_one_bounded_line() -> None:
    found = project_pod_event({"message": "a\n b " + "x" * 10_000, "reportingComponent": "karpenter"})
    assert found.message.startswith("a b xxx")
    assert len(found.message) == 300
    assert (found.component, found.at) == ("karpenter", 0.0)
