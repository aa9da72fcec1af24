"""Why a target has fewer pods than replicas: what the API server answered to its controller.

A Deployment repeats that answer in its condition ReplicaFailure. Other controllers only record it as an event
of the target, with the reason FailedCreate.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from poolkeeper.core.values.admission import ADMISSION_REFUSED, QUOTA_EXCEEDED
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.fields import entries, instant, mapping, readable, text
from poolkeeper.kube.transport.paths import namespaced_path

MOST_EVENTS = 50
MESSAGE_LENGTH = 400
"""Of a refusal. A webhook may answer with pages."""
MOST_EVENT_AGE_SECONDS = 1200.0
"""An older event says nothing about now. Source: a controller of Kubernetes tries again after 1000 s at the
latest, the longest pause of its work queue."""


class Refusal(NamedTuple):
    """An answer of the API server to the creation of a pod."""

    reason: str
    """QuotaExceeded or AdmissionRefused."""
    message: str
    """The API server's, in one line."""
    at: float | None
    """When it was given, in Unix seconds; None where that is unknown."""


async def read_refusal(
    client: KubeClient, discovery: Discovery, target: TargetKey, now: float
) -> Refusal | None:
    """Why the target's last pod was not created; None where nothing says so. Raises TargetFailure, ApiError,
    ApiUnreachable."""
    if (target.group, target.kind) == ("apps", "Deployment"):
        resource = await discovery.resolve(target.api_version, target.kind)
        try:
            found = await client.request("GET", resource.path(target.namespace, target.name))
        except ApiError as failure:
            raise resource.explained(failure, target, "get") from failure
        return refusal_in_status(found)
    # Of any kind: a LeaderWorkerSet makes its pods through StatefulSets, the first of which has its name.
    selector = f"involvedObject.name={target.name},reason=FailedCreate"
    path = namespaced_path("v1", target.namespace, "events")
    answer = await client.request("GET", path, query=(("fieldSelector", selector), ("limit", MOST_EVENTS)))
    return latest(readable(answer.get("items"), project_event), now)


def refusal_in_status(target: Mapping[str, Any]) -> Refusal | None:
    """What the condition ReplicaFailure of a Deployment says. Raises Unreadable."""
    for condition in entries(mapping(target.get("status")).get("conditions")):
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return refusal(text(condition.get("message")), instant(condition.get("lastTransitionTime")))
    return None


def latest(refusals: Iterable[Refusal], now: float) -> Refusal | None:
    """The last one, unless it is too old to say anything about now."""
    recent = [each for each in refusals if each.at is not None and now - each.at <= MOST_EVENT_AGE_SECONDS]
    return max(recent, key=lambda each: each.at or 0.0, default=None)


def refusal(message: str, at: float | None) -> Refusal:
    """What an answer means: a quota has its own reason, since it passes without an edit of the pods."""
    line = " ".join(message.split())
    reason = QUOTA_EXCEEDED if "exceeded quota" in line else ADMISSION_REFUSED
    return Refusal(reason, line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 1]}…", at)


def project_event(raw: Mapping[str, Any]) -> Refusal:
    """The refusal that an event is about. Raises Unreadable.

    Events of client-go have lastTimestamp, those of events.k8s.io a series or only eventTime.
    """
    series = mapping(raw.get("series")).get("lastObservedTime")
    times = (raw.get("lastTimestamp"), series, raw.get("eventTime"))
    at = next((found for each in times if (found := instant(each)) is not None), None)
    return refusal(text(raw.get("message")), at)
