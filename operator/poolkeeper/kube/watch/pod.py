"""A pod reduced to what a decision and the learning of start times need."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from poolkeeper.kube.transport.fields import (
    Unreadable,
    entries,
    instant,
    labels,
    mapping,
    number,
    required,
    text,
)
from poolkeeper.kube.watch.containers import Container, project_containers

FAILED_WAITS = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Reasons for which the kubelet keeps a container waiting that do not pass by themselves."""


GROUP_SIZE = "leaderworkerset.sigs.k8s.io/size"
"""The annotation with the number of pods of a LeaderWorkerSet's group."""
GROUP_SIZE_DIGITS = 4
MESSAGE_LENGTH = 300
"""Of the scheduler's message, which lists what each group of nodes lacks."""


PROVISIONING_REQUEST = (
    "autoscaling.x-k8s.io/consume-provisioning-request",
    "cluster-autoscaler.kubernetes.io/consume-provisioning-request",
)
"""Annotations with the name of a pod's ProvisioningRequest, the present one first.
Source: cluster-autoscaler."""


class Failing(NamedTuple):
    """A container that can't run as it is."""

    container: str
    reason: str
    """The kubelet's, such as CrashLoopBackOff."""


class NoNode(NamedTuple):
    """Why a pod has no node, in the scheduler's words."""

    reason: str
    """SchedulingGated or Unschedulable, for example."""
    message: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. Instants are whole Unix seconds of the cluster's clocks, None until reached."""

    uid: str
    name: str
    namespace: str
    labels: Mapping[str, str] = field(hash=False)
    created_at: float | None
    scheduled_at: float | None
    started_at: float | None
    """When the last of these containers began to run."""
    ready_at: float | None
    """When it last became ready; None while it is not ready."""
    is_ready: bool
    is_terminating: bool
    is_finished: bool
    """Whether it has ended and won't run again."""
    failure: str
    """Why it can't serve (a phase or a reason of the kubelet); empty while it may still get ready."""
    unready_at: float | None = None
    """When it last ceased to be ready, or its kubelet first saw it; None while it is ready."""
    has_node: bool = False
    """Whether it was assigned to a node."""
    is_pending: bool = False
    """Whether its phase is Pending, by which a ReplicaSet removes it before pods that run."""
    is_running: bool = False
    """Whether any of its containers runs now that may work on requests: a regular one, or a native sidecar
    that holds devices."""
    restarts: int = 0
    """How many times these containers have been started again."""
    containers: tuple[Container, ...] = ()
    """Its regular containers, in the order of its spec, then its native sidecars."""
    failing: tuple[Failing, ...] = ()
    """Its containers that can't run as they are, regular ones first; `failure` is the first one's reason."""
    gates: tuple[str, ...] = ()
    """Its scheduling gates that are still closed."""
    no_node: NoNode | None = None
    """Why it has no node; None while it has one, or before the scheduler has looked at it."""
    provisioning_request: str = ""
    """Name of the ProvisioningRequest whose node it waits for; empty where it names none."""
    ends_by: float | None = None
    """When its grace period ends, while it is terminating."""
    addresses: tuple[str, ...] = ()
    """Its IPs, the main one first."""
    controller: tuple[str, str] | None = None
    """Kind and name of the object that made it; None for a pod that nothing controls."""
    group_size: int = 0
    """Pods of its group, where a LeaderWorkerSet has made it; 0 where nothing says so."""
    version: int = field(default=0, compare=False)
    """Its resourceVersion; versions of one kind are ordered numbers (KEP-5504)."""

    @property
    def takes_new(self) -> bool:
        """Whether new requests may be sent to it."""
        return self.is_ready and not self.is_terminating

    @property
    def has_fallen(self) -> bool:
        """Whether it was ready since its containers run and is no more: it may still work on requests.

        The whole seconds are the kubelet's. Before a container runs, a pod is not ready either.
        """
        if self.is_terminating or self.is_finished or not self.is_running:
            return False
        return (
            self.unready_at is not None and self.started_at is not None and self.unready_at > self.started_at
        )

    @property
    def has_failed(self) -> bool:
        """Whether it can't serve, and stays so until somebody changes it."""
        return bool(self.failure)


def project_pod(raw: Mapping[str, Any]) -> Pod:
    """The projection of a pod's JSON. Raises Unreadable."""
    metadata, status, spec = (mapping(raw.get(part)) for part in ("metadata", "status", "spec"))
    declared = project_containers(spec)
    first, containers = _statuses(status, declared)
    scheduled_at, ready_at = _since(status, "PodScheduled", "True"), _since(status, "Ready", "True")
    phase, failing = text(status.get("phase")), _failing((*containers, *first))
    return Pod(
        uid=required(text(metadata.get("uid"))),
        name=required(text(metadata.get("name"))),
        namespace=required(text(metadata.get("namespace"))),
        labels=labels(metadata.get("labels")),
        created_at=instant(metadata.get("creationTimestamp")),
        scheduled_at=scheduled_at,
        started_at=_started_at(containers),
        ready_at=ready_at,
        unready_at=_since(status, "Ready", "False"),
        is_ready=ready_at is not None,
        is_terminating=metadata.get("deletionTimestamp") is not None,
        is_finished=phase in ("Succeeded", "Failed"),
        failure=_failure(status, failing),
        has_node=scheduled_at is not None or bool(text(spec.get("nodeName"))),
        is_pending=phase == "Pending",
        is_running=any(_state(container, "running") for container in containers),
        restarts=sum(number(container.get("restartCount")) for container in containers),
        containers=declared,
        failing=failing,
        gates=tuple(text(gate.get("name")) for gate in entries(spec.get("schedulingGates"))),
        no_node=_no_node(status),
        provisioning_request=_provisioning_request(metadata),
        ends_by=instant(metadata.get("deletionTimestamp")),
        addresses=tuple(ip for each in entries(status.get("podIPs")) if (ip := text(each.get("ip")))),
        controller=_controller(metadata),
        group_size=_group_size(metadata),
        version=_version(metadata),
    )


def _provisioning_request(metadata: Mapping[str, Any]) -> str:
    annotations = mapping(metadata.get("annotations"))
    return next((text(annotations[key]) for key in PROVISIONING_REQUEST if key in annotations), "")


def _controller(metadata: Mapping[str, Any]) -> tuple[str, str] | None:
    for owner in entries(metadata.get("ownerReferences")):
        if owner.get("controller"):
            return text(owner.get("kind")), text(owner.get("name"))
    return None


def _since(status: Mapping[str, Any], kind: str, holds: str) -> float | None:
    """When a condition became True, or False; None while it is not."""
    for condition in entries(status.get("conditions")):
        if condition.get("type") == kind and condition.get("status") == holds:
            return instant(condition.get("lastTransitionTime"))
    return None


def _started_at(containers: Iterable[Mapping[str, Any]]) -> float | None:
    starts = [instant(_state(container, "running").get("startedAt")) for container in containers]
    known = [start for start in starts if start is not None]
    return max(known) if known and len(known) == len(starts) else None


def _failure(status: Mapping[str, Any], failing: Sequence[Failing]) -> str:
    if status.get("phase") == "Failed":
        return text(status.get("reason")) or "Failed"
    return failing[0].reason if failing else ""


def _statuses(
    status: Mapping[str, Any], declared: Iterable[Container]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The statuses of init containers, and those of the containers that may work on requests. A native
    sidecar with an accelerator does; one that ships logs runs long before the model is loaded, and does
    not."""
    working = {each.name for each in declared if each.works_as_sidecar}
    first, containers = entries(status.get("initContainerStatuses")), entries(status.get("containerStatuses"))
    if not working:
        return first, containers
    serving = [each for each in first if each.get("name") in working]
    return [each for each in first if each.get("name") not in working], [*containers, *serving]


def _failing(statuses: Iterable[Mapping[str, Any]]) -> tuple[Failing, ...]:
    waits = (
        Failing(text(each.get("name")), text(_state(each, "waiting").get("reason"))) for each in statuses
    )
    return tuple(each for each in waits if each.reason in FAILED_WAITS)


def _no_node(status: Mapping[str, Any]) -> NoNode | None:
    for condition in entries(status.get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message = text(condition.get("message"))[:MESSAGE_LENGTH]
            return NoNode(text(condition.get("reason")), message)
    return None


def _state(container: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return mapping(mapping(container.get("state")).get(name))


def _group_size(metadata: Mapping[str, Any]) -> int:
    size = text(mapping(metadata.get("annotations")).get(GROUP_SIZE))
    return int(size) if size.isdecimal() and len(size) <= GROUP_SIZE_DIGITS else 0


def _version(metadata: Mapping[str, Any]) -> int:
    version = text(metadata.get("resourceVersion"))
    if not version.isdecimal():
        raise Unreadable("its resourceVersion is not a number")
    return int(version)
