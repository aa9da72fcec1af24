"""What Kueue and autoscalers do to pods and say about them, when a test tells them to."""

import time
import uuid

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

KUEUE_GATE = "kueue.x-k8s.io/admission"
KUEUE_WAITS = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor "
    "default-flavor, 1 more needed"
)


async def say(
    client: KubeClient,
    pod: JsonObject,
    reason: str,
    message: str,
    *,
    by: str,
    kind: str = "Normal",
    about: JsonObject | None = None,
) -> None:
    """An event about a pod, as a controller called `by` writes it; or about another object of its
    namespace."""
    metadata, now = pod["metadata"], format_timestamp(time.time())
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:12]}"},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            **(about or {}),
        },
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {"component": by},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    await client.request("POST", namespaced_path("v1", metadata["namespace"], "events"), body=event)


async def kueue_says_its_workload_waits(client: KubeClient, pod: JsonObject) -> None:
    """Kueue has no quota for the pod yet, and says so on the Workload that it has made for it."""
    about = {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "Workload",
        "name": f"pod-{pod['metadata']['name']}-a1b2c",
        "uid": uuid.uuid4().hex,
    }
    await say(client, pod, "Pending", KUEUE_WAITS, by="kueue-admission", kind="Warning", about=about)


async def autoscaler_adds_a_node(client: KubeClient, pod: JsonObject, group: str = "l4-pool") -> None:
    """The cluster autoscaler is about to bring a node for the pod."""
    message = f"pod triggered scale-up: [{{{group} 0->1 (max: 4)}}]"
    await say(client, pod, "TriggeredScaleUp", message, by="cluster-autoscaler")


async def autoscaler_gives_up(client: KubeClient, pod: JsonObject) -> None:
    """The cluster autoscaler can't bring a node for the pod."""
    message = "pod didn't trigger scale-up: 1 in backoff after failed scale-up"
    await say(client, pod, "NotTriggerScaleUp", message, by="cluster-autoscaler")


async def karpenter_nominates(client: KubeClient, pod: JsonObject, claim: str = "gpu-x7k2p") -> None:
    """Karpenter has ordered a node for the pod."""
    await say(client, pod, "Nominated", f"Pod should schedule on: nodeclaim/{claim}", by="karpenter")


async def open_gates(client: KubeClient, pod: JsonObject) -> None:
    """Removes a pod's scheduling gates, as Kueue does once its quota allows the pod."""
    gates = pod["spec"].get("schedulingGates") or ()
    if gates:
        path = namespaced_path("v1", pod["metadata"]["namespace"], "pods", pod["metadata"]["name"])
        body = [{"op": "remove", "path": "/spec/schedulingGates"}]
        await client.request("PATCH", path, body=body, content_type="application/json-patch+json")
