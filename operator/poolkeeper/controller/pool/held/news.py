"""What the cluster says about a pod that waits, beside the pod itself: whether a node is made for it, what
Kueue waits for, whether its image is pulled.

Only events say so, and they are asked for only while a pod waits longer than usual: of one pod of a pool at a
time, less and less often. The same template made the others, so what is said of one pod without a node is
said of all of them.
"""

import math
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from poolkeeper.controller.loop.patience import Patience
from poolkeeper.core.policy import say
from poolkeeper.core.values.admission import (
    IMAGE_PULLING,
    NODE_PROVISIONING,
    SCHEDULING_GATED,
    UNSCHEDULABLE,
)
from poolkeeper.kube.objects.pod_events import PodEvent, is_kueues
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.watch.pod import Pod

NODE_SECONDS = 3.0
"""A pod has a node within this time, unless it waits for one."""
CONTAINER_SECONDS = 10.0
"""A container runs within this time after its pod has a node, unless its image is pulled."""
FIRST_REREAD_SECONDS = 5.0
LONGEST_REREAD_SECONDS = 60.0
"""Events are asked for again after pauses that double from the first to the longest of these."""
MOST_EVENT_AGE_SECONDS = 1200.0
"""An older event says nothing about now. Source: the cluster autoscaler gives up a node after 15 minutes."""
UNREAD = "It can't be read what the events of a pod that waits say"
KARPENTER = ("karpenter", "eks-auto-mode/compute")
"""Who records Karpenter's events."""


@dataclass(frozen=True, slots=True)
class News:
    """What events say about a pod that waits."""

    uid: str = ""
    """The pod's; empty while no pod waits."""
    has_node: bool = False
    """Whether it had a node when its events were read."""
    reason: str = ""
    """NodeProvisioning, Unschedulable, SchedulingGated or ImagePulling; empty where events say nothing."""
    words: str = ""
    """Who does what, in their own words."""
    expires_at: float = 0.0
    """Unix seconds at which the events are asked for again."""
    reads: int = 0
    """How many times they were asked for."""

    def due_at(self, pod: Pod | None) -> float | None:
        """When to ask for the events of this pod next; None while none waits."""
        if pod is None:
            return None
        since = (pod.scheduled_at if pod.has_node else None) or pod.created_at or 0.0
        first_at = since + (CONTAINER_SECONDS if pod.has_node else NODE_SECONDS)
        is_same = (pod.uid, pod.has_node) == (self.uid, self.has_node)
        return max(first_at, self.expires_at) if is_same else first_at


NO_NEWS = News()


def waiting_pod(pods: Iterable[Pod]) -> Pod | None:
    """The first pod that waits for a node, or else for its containers, and whose events may say why."""
    waiting = [pod for pod in pods if _waits(pod)]
    return min(waiting, key=lambda pod: (pod.has_node, pod.created_at or math.inf, pod.name), default=None)


def _waits(pod: Pod) -> bool:
    if pod.is_terminating or pod.is_finished or pod.is_ready or pod.is_running or pod.failing:
        return False
    # Of other gates than Kueue's it is not known who says anything about them.
    return not pod.gates or is_kueues(pod)


class NewsReader:
    """Asks for the events of pods that wait. What can't be read is unknown, and is logged once."""

    def __init__(
        self, read: Callable[[Pod], Awaitable[Sequence[PodEvent]]], clock: Callable[[], float]
    ) -> None:
        self._read = read
        self._clock = clock
        self._patience: dict[str, Patience] = {}
        """By namespace, where the last read failed: a right is granted for a namespace."""

    async def read(self, pod: Pod, before: News) -> News:
        """What the events of a pod say now, and when to ask again."""
        reads = before.reads if (pod.uid, pod.has_node) == (before.uid, before.has_node) else 0
        pause_seconds = min(FIRST_REREAD_SECONDS * 2.0**reads, LONGEST_REREAD_SECONDS)
        reads = min(reads + 1, 10)
        try:
            events = await self._read(pod)
        except KubeFailure as failure:
            patience = self._patience.setdefault(pod.namespace, Patience(UNREAD))
            expires_at = self._clock() + max(pause_seconds, patience.failed(failure))
            return News(pod.uid, pod.has_node, expires_at=expires_at, reads=reads)
        self._patience.pop(pod.namespace, None)
        now = self._clock()
        expires_at = now + pause_seconds * random.uniform(0.8, 1.2)  # noqa: S311
        reason, words = what_events_say(pod, events, now)
        return News(pod.uid, pod.has_node, reason, words, expires_at, reads)


def what_events_say(pod: Pod, events: Sequence[PodEvent], now: float) -> tuple[str, str]:
    """A reason and words; both empty where the events, latest first, say nothing about why the pod waits."""
    recent = [each for each in events if now - each.at <= MOST_EVENT_AGE_SECONDS]
    if pod.gates:
        return _of_kueue(recent)
    found = _of_kubelet(recent) if pod.has_node else _of_autoscalers(recent)
    if found[0] or pod.has_node or not pod.provisioning_request:
        return found
    return NODE_PROVISIONING, f"it waits for the ProvisioningRequest {pod.provisioning_request}"


def _of_kueue(events: Sequence[PodEvent]) -> tuple[str, str]:
    """The last event of the Workload, such as Pending: it names the quota that is missing."""
    for each in events:
        if each.message:
            return SCHEDULING_GATED, f"Kueue says: {each.message}"
    return "", ""


def _of_kubelet(events: Sequence[PodEvent]) -> tuple[str, str]:
    """Only the last event counts: after Pulling come Pulled, Created and Started. The scheduler's event is
    older, but may look newer: the kubelet's instants are whole seconds."""
    last = next((each for each in events if each.reason != "Scheduled"), None)
    if last is not None and last.reason == "Pulling":
        image = last.message.removeprefix("Pulling image").strip()
        return IMAGE_PULLING, f"the image {image} has been pulled since {say.time_of_day(last.at)}"
    return "", ""


def _of_autoscalers(events: Sequence[PodEvent]) -> tuple[str, str]:
    """Whether a node is made, by the last event that says so."""
    for each in events:
        is_karpenters = each.component in KARPENTER
        detail = each.message.partition(": ")[2] or each.message
        if each.reason == "TriggeredScaleUp":
            return NODE_PROVISIONING, f"the cluster autoscaler makes a node: {detail}"
        if each.reason == "NotTriggerScaleUp":
            return UNSCHEDULABLE, f"the cluster autoscaler adds no node: {detail}"
        if each.reason == "Nominated" and "nodeclaim/" in detail:
            nominated = sum(other.reason == "Nominated" for other in events)
            again = f" (nodes that it has tried so far: {nominated})" if nominated > 1 else ""
            return NODE_PROVISIONING, f"Karpenter makes a node: {detail}{again}"
        if each.reason == "FailedScheduling" and is_karpenters:
            return UNSCHEDULABLE, f"Karpenter adds no node: {each.message}"
    return "", ""
