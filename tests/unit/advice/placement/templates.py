"""Pod templates for the tests of this room, and the classes of the catalogue."""

from typing import Any

from poolkeeper.advice.placement.check import placement_remarks, placement_verdict
from poolkeeper.advice.placement.remark import Placement, Remark
from poolkeeper.advice.placement.size import asking, replica_size
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue
from poolkeeper.core.values.decision import Verdict
from poolkeeper.kube.objects.devices.claims import NO_CLAIMS, PodClaims
from poolkeeper.kube.objects.targets import LEADER, WORKER, PodsOfReplica, of_one_pod

Json = dict[str, Any]

CLASSES = {
    manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
    for manifest in catalogue()
}
GKE = "cloud.google.com/gke-accelerator"
TPU = "cloud.google.com/gke-tpu-accelerator"
TOPOLOGY = "cloud.google.com/gke-tpu-topology"
EXISTS = {"operator": "Exists"}


def container(resource: str = "nvidia.com/gpu", amount: int | str = 1, **more: Any) -> Json:
    return {"resources": {"limits": {resource: amount, "cpu": "500m"}}, **more}


def template(**pod: Any) -> Json:
    """A template that asks for one GPU and tolerates everything, with these changes."""
    return {"spec": {"containers": [container()], "tolerations": [EXISTS], **pod}}


def tpu_host(topology: str | None, chips: int, accelerator: str = "tpu-v5-lite-podslice") -> Json:
    """The template of the pod on one host of a TPU slice."""
    selector = {TPU: accelerator} | ({TOPOLOGY: topology} if topology else {})
    return template(containers=[container("google.com/tpu", chips, name="server")], nodeSelector=selector)


def group(host: Json, size: int, leader: Json | None = None) -> tuple[PodsOfReplica, ...]:
    """The pods of one replica of a LeaderWorkerSet."""
    return PodsOfReplica(leader or host, 1, LEADER), PodsOfReplica(host, size - 1, WORKER)


def placement(
    name: str,
    *replica: PodsOfReplica,
    claims: PodClaims = NO_CLAIMS,
    target_kind: str = "Deployment",
    classes: dict[str, AcceleratorClassSpec] = CLASSES,
) -> Placement:
    parts = tuple(asking(part, claims) for part in replica)
    return Placement(name, classes[name], parts, classes, target_kind)


def remarks(name: str, pod_template: Json, **more: Any) -> tuple[Remark, ...]:
    """What is said about a Deployment of this template."""
    return placement_remarks(placement(name, *of_one_pod(pod_template), **more))


def verdict(found: Placement) -> Verdict:
    return placement_verdict(found, replica_size(found.name, found.accelerator, found.replica))
