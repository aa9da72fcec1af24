"""Why replicas are not admitted or can't start, in the words of the scheduler, the kubelet and the API
server."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.held.news import NO_NEWS, News
from poolkeeper.core.values.admission import (
    IMAGE_PULLING,
    NODE_PROVISIONING,
    ORDINAL_OCCUPIED,
    SCHEDULING_GATED,
    UNSCHEDULABLE,
)
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from poolkeeper.kube.objects.refused_pods import Refusal
from poolkeeper.kube.watch.pod import Pod

IMAGE_PULL = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""The kubelet alternates between the two; they are one trouble."""
REUSES_NAMES = frozenset({"StatefulSet", "LeaderWorkerSet"})
"""Kinds whose new pod has the name of the old one, so that it has to wait until that one is gone."""
WORDS_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Words:
    """A reason and what is said about it."""

    reason: str
    words: str


def explained(
    replicas: Replicas,
    pods: Iterable[Pod],
    target: TargetKey | None,
    refusal: Refusal | None,
    news: News = NO_NEWS,
) -> Replicas:
    """The replicas, each starting one with what keeps it from starting, where that is known."""
    if not replicas.starting:
        return replicas
    by_name = {pod.name: pod for pod in pods}
    without_pod = _without_pod(by_name.values(), target, refusal)
    return replace(
        replicas,
        starting=tuple(
            _explained(each, by_name.get(each.pod), without_pod, news) for each in replicas.starting
        ),
    )


def _explained(
    starting: StartingReplica, pod: Pod | None, without_pod: Words | None, news: News
) -> StartingReplica:
    found = without_pod if pod is None else _of_pod(starting, pod, news)
    if found is None:
        return starting
    words = _one_line(found.words)
    if found.reason == IMAGE_PULLING:
        return replace(starting, doing=found.reason, words=words)
    return replace(starting, failure=found.reason, words=words)


def _of_pod(starting: StartingReplica, pod: Pod, news: News) -> Words | None:
    if starting.failure:
        container = f"container {pod.failing[0].container}" if pod.failing else starting.words
        is_pull = starting.failure in IMAGE_PULL
        return Words("ImagePullBackOff" if is_pull else starting.failure, container)
    if pod.gates:
        gates = "gate" if len(pod.gates) == 1 else "gates"
        held = f"it is held by the scheduling {gates} {', '.join(pod.gates)}"
        says = news.uid == pod.uid and news.reason == SCHEDULING_GATED
        return Words(SCHEDULING_GATED, f"{held}. {news.words}" if says else held)
    if not pod.has_node:
        return _of_pod_without_node(pod, news)
    if news.uid == pod.uid and news.reason == IMAGE_PULLING and starting.stage is Stage.NO_CONTAINER:
        return Words(IMAGE_PULLING, news.words)
    return None


def _of_pod_without_node(pod: Pod, news: News) -> Words | None:
    """What events say of one pod of the pool without a node holds for the others: one template made them."""
    says = not news.has_node and news.reason in (NODE_PROVISIONING, UNSCHEDULABLE)
    if pod.no_node is None:
        return Words(news.reason, news.words) if says else None
    words = shortened(pod.no_node.message)
    reason = pod.no_node.reason or UNSCHEDULABLE
    return (
        Words(news.reason, f"{words}; {news.words}")
        if says and reason == UNSCHEDULABLE
        else Words(reason, words)
    )


def shortened(message: str) -> str:
    """The scheduler's words without what it says of preemption. Example: `0/12 nodes are available: 12
    Insufficient nvidia.com/gpu. preemption: 0/12 nodes are available: …` is `0/12 nodes: 12 Insufficient
    nvidia.com/gpu`."""
    line = " ".join(message.split())
    for rest in (" preemption: ", " no new claims to deallocate"):
        line = line.partition(rest)[0]
    return line.replace(" nodes are available: ", " nodes: ", 1).rstrip(" .,")


def _without_pod(pods: Iterable[Pod], target: TargetKey | None, refusal: Refusal | None) -> Words | None:
    """Why there are fewer pods than replicas. A pod that is being deleted may itself be why."""
    if refusal is not None:
        return Words(refusal.reason, refusal.message)
    if target is None or target.kind not in REUSES_NAMES:
        return None
    for pod in pods:
        if pod.is_terminating:
            return Words(ORDINAL_OCCUPIED, _occupied(pod))
    return None


def _occupied(pod: Pod) -> str:
    until = f", and should have ended by {format_timestamp(pod.ends_by)}" if pod.ends_by else ""
    return f"the pod before it, {pod.name}, is still terminating{until}; a new one of that name must wait"


def _one_line(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= WORDS_LENGTH else f"{line[: WORDS_LENGTH - 1]}…"
