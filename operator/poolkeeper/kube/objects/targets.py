"""The pod template of a target, read to advise on it and never changed, and who set its replicas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.managed_fields import ReplicaWriter, replica_writers
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.fields import Unreadable, entries, labels, mapping, number, required, text


@dataclass(frozen=True, slots=True)
class Target:
    """A target as declared."""

    uid: str
    generation: int
    """Changes with every change of the spec."""
    pod_template: dict[str, Any] | None
    """None for a kind that keeps it in a field not known here."""
    writers: tuple[ReplicaWriter, ...] = ()
    """Who set the present replicas; empty where that is not recorded."""


async def read_target(client: KubeClient, discovery: Discovery, target: TargetKey) -> Target:
    """The target now. Raises TargetFailure, ApiError, ApiUnreachable."""
    resource = await discovery.resolve(target.api_version, target.kind)
    try:
        found = await client.request("GET", resource.path(target.namespace, target.name))
    except ApiError as failure:
        raise resource.explained(failure, target, "get") from failure
    return project_target(found)


def project_target(raw: Mapping[str, Any]) -> Target:
    """The projection of a target's JSON. Raises Unreadable."""
    metadata = mapping(raw.get("metadata"))
    return Target(
        uid=required(text(metadata.get("uid"))),
        generation=number(metadata.get("generation")),
        pod_template=_template_of(mapping(raw.get("spec"))),
        writers=replica_writers(metadata),
    )


def _template_of(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """The pod template; a LeaderWorkerSet keeps it beside the size of its groups."""
    group = spec.get("leaderWorkerTemplate")
    template = group.get("workerTemplate") if isinstance(group, dict) else spec.get("template")
    return template if isinstance(template, dict) and _is_of_pods(template) else None


def _is_of_pods(template: Mapping[str, Any]) -> bool:
    """Whether it has the form of a pod: a kind of its own may keep anything in its fields."""
    if not isinstance(template.get("spec"), dict):
        return False
    try:
        labels(mapping(template.get("metadata")).get("labels"))
        for container in entries(template["spec"].get("containers")):
            for port in entries(container.get("ports")):
                text(port.get("name"))
                number(port.get("containerPort"))
    except Unreadable:
        return False
    return True
