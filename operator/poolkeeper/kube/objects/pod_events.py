"""What autoscalers, the kubelet and Kueue say of a pod that waits, read from events."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.fields import instant, mapping, readable, text
from poolkeeper.kube.transport.paths import namespaced_path
from poolkeeper.kube.watch.pod import Pod

MOST_EVENTS = 50
MOST_WORKLOAD_EVENTS = 200
"""Of all Workloads of a namespace: an event of one can't be asked for by the pod's name."""
MESSAGE_LENGTH = 300
KUEUE = "kueue.x-k8s.io/"
"""What the names of Kueue's gates and labels begin with."""
_WORKLOAD_LABELS = (f"{KUEUE}prebuilt-workload-name", f"{KUEUE}pod-group-name")
"""Labels of a pod that name its Workload. Source: Kueue's integrations of pods and groups."""


class PodEvent(NamedTuple):
    """One event, as far as it says why a pod waits."""

    reason: str
    """Such as TriggeredScaleUp."""
    message: str
    """In one line."""
    component: str
    """Who recorded it, such as cluster-autoscaler; empty where that is not said."""
    at: float
    """When it was seen last, in Unix seconds; 0 where that is not said."""
    about: str
    """Name of the object that it is about."""


async def read_pod_events(client: KubeClient, pod: Pod) -> list[PodEvent]:
    """The events of a pod, latest first. For a pod that Kueue's gate holds, those of its Workload, where
    there are any: Kueue says there what it waits for. Raises ApiError, ApiUnreachable, Unreadable."""
    found: list[PodEvent] = []
    if is_kueues(pod):
        listed = await _list(client, pod, "involvedObject.kind=Workload", MOST_WORKLOAD_EVENTS)
        found = [each for each in listed if _is_workload_of(each.about, pod)]
    found = found or await _list(client, pod, f"involvedObject.uid={pod.uid}", MOST_EVENTS)
    return sorted(found, key=lambda each: each.at, reverse=True)[:MOST_EVENTS]


async def _list(client: KubeClient, pod: Pod, selector: str, most: int) -> list[PodEvent]:
    path, query = (
        namespaced_path("v1", pod.namespace, "events"),
        (("fieldSelector", selector), ("limit", most)),
    )
    return readable((await client.request("GET", path, query=query)).get("items"), project_pod_event)


def is_kueues(pod: Pod) -> bool:
    """Whether a gate of Kueue holds the pod."""
    return any(gate.startswith(KUEUE) for gate in pod.gates)


def project_pod_event(raw: Mapping[str, Any]) -> PodEvent:
    """The projection of an event's JSON. Raises Unreadable.

    Events of client-go have lastTimestamp and a source, those of events.k8s.io a series or only eventTime,
    and a reporter.
    """
    series = mapping(raw.get("series")).get("lastObservedTime")
    times = (raw.get("lastTimestamp"), series, raw.get("eventTime"))
    at = next((found for each in times if (found := instant(each)) is not None), 0.0)
    line = " ".join(text(raw.get("message"))[: 4 * MESSAGE_LENGTH].split())
    return PodEvent(
        reason=text(raw.get("reason")),
        message=line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 1]}…",
        component=text(mapping(raw.get("source")).get("component")) or text(raw.get("reportingComponent")),
        at=at,
        about=text(mapping(raw.get("involvedObject")).get("name")),
    )


def _is_workload_of(name: str, pod: Pod) -> bool:
    """Whether a Workload of this name is the pod's: one that its labels name, or else `pod-NAME-HASH`."""
    labelled = [pod.labels[label] for label in _WORKLOAD_LABELS if pod.labels.get(label)]
    return name in labelled if labelled else name.startswith(f"pod-{pod.name}-")
