"""The pod templates of a target, read to advise on them and never changed, and who set its replicas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.managed_fields import ReplicaWriter, replica_writers
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.fields import Unreadable, entries, labels, mapping, number, required, text
from poolkeeper.kube.watch.containers import long_running

LEADER = "leader"
WORKER = "worker"
LEADER_FIRST = "LeaderReady"
"""The startupPolicy of a LeaderWorkerSet that makes workers once their leader is Ready."""


class PodsOfReplica(NamedTuple):
    """The pods of one replica that are made from one template."""

    template: dict[str, Any]
    """A PodTemplateSpec as JSON."""
    pods: int
    """How many pods each replica has of them."""
    role: str = ""
    """LEADER or WORKER in a group of a LeaderWorkerSet; empty where a replica is one pod."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target as declared."""

    uid: str
    generation: int
    """Changes with every change of the spec."""
    replica: tuple[PodsOfReplica, ...]
    """The pods of which one replica consists, those that serve first; empty for a kind that keeps its
    templates in a field not known here."""
    writers: tuple[ReplicaWriter, ...] = ()
    """Who set the present replicas; empty where that is not recorded."""
    has_late_workers: bool = False
    """Whether the workers of a group are only made once its leader is Ready."""

    @property
    def pod_template(self) -> dict[str, Any] | None:
        """The template of the pods that serve; None where it is not known."""
        return self.replica[0].template if self.replica else None

    def in_steps(self, step: int) -> tuple[PodsOfReplica, ...]:
        """The pods of one replica that is `step` of what the target counts."""
        return tuple(part._replace(pods=part.pods * step) for part in self.replica)


def of_one_pod(template: dict[str, Any]) -> tuple[PodsOfReplica, ...]:
    """A replica that is one pod of this template."""
    return (PodsOfReplica(template, 1),)


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
        replica=_replica_of(mapping(raw.get("spec"))),
        writers=replica_writers(metadata),
        has_late_workers=mapping(raw.get("spec")).get("startupPolicy") == LEADER_FIRST,
    )


def _replica_of(spec: Mapping[str, Any]) -> tuple[PodsOfReplica, ...]:
    """The pods of one replica. A LeaderWorkerSet keeps up to two templates beside the size of its groups; a
    leader without a template of its own is made like the workers."""
    group = spec.get("leaderWorkerTemplate")
    if not isinstance(group, dict):
        template = spec.get("template")
        return of_one_pod(template) if _is_of_pods(template) else ()
    workers, size = group.get("workerTemplate"), _size_of(group)
    leader = workers if group.get("leaderTemplate") is None else group["leaderTemplate"]
    if size is None or not (_is_of_pods(leader) and _is_of_pods(workers)):
        return ()
    parts = (PodsOfReplica(leader, 1, LEADER), PodsOfReplica(workers, size - 1, WORKER))
    return tuple(part for part in parts if part.pods)


def _size_of(group: Mapping[str, Any]) -> int | None:
    """The pods of one group, 1 where none is declared; None where it can't be read."""
    size = group.get("size", 1)
    return size if isinstance(size, int) and not isinstance(size, bool) and size >= 1 else None


def _is_of_pods(template: object) -> TypeGuard[dict[str, Any]]:
    """Whether it has the form of a pod: a kind of its own may keep anything in its fields."""
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        return False
    try:
        labels(mapping(template.get("metadata")).get("labels"))
        for container in long_running(template["spec"]):
            for port in entries(container.get("ports")):
                text(port.get("name"))
                number(port.get("containerPort"))
    except Unreadable:
        return False
    return True
