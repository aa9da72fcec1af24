"""Which nodes are of a class, and how many units of it they offer.

A node says what it has by its labels, and what pods may request by `status.allocatable`. NVIDIA's resource
`nvidia.com/gpu` may stand for whole GPUs, for MIG slices of one size or for turns on a shared GPU. The labels
say which: those of NVIDIA's GPU feature discovery (docs/gpu-feature-discovery/README.md of NVIDIA's
k8s-device-plugin), and those of GKE (gce_cloud_provider.go and its GKE part in cluster-autoscaler).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from poolkeeper.api.accelerator_class import AcceleratorClassSpec, NodeLabel, PartKind
from poolkeeper.kube.transport.fields import labels, mapping, required, text

ARCHITECTURE = "kubernetes.io/arch"
GPU, SHARED_GPU = "nvidia.com/gpu", "nvidia.com/gpu.shared"
PRODUCT = "nvidia.com/gpu.product"
"""For example A100-SXM4-40GB, A100-SXM4-40GB-MIG-1g.5gb or Tesla-T4-SHARED."""
SHARING = ("nvidia.com/gpu.sharing-strategy", "cloud.google.com/gke-gpu-sharing-strategy")
SHARED = frozenset({"time-slicing", "time-sharing", "mps"})
GKE_PROFILE = "cloud.google.com/gke-gpu-partition-size"
MIG_MARK, SHARED_MARK = "-mig-", "-shared"
MOST_UNITS = 1_000_000
"""More units of a resource are read as this many."""


class Node(NamedTuple):
    """What matters of a node. Values of labels are in lower case."""

    name: str
    labels: Mapping[str, str]
    offers: Mapping[str, int]
    """Resources that pods may request, in whole units: devices, and CPUs rounded down."""


class Match(NamedTuple):
    """A node of a class."""

    node: str
    units: int
    """Units of the class that the node offers. 0 where its device plugin does not run, or not yet."""
    is_sure: bool = True
    """False where only the resource fits: no label says which of several accelerators it is."""


class _Gpu(NamedTuple):
    """What nvidia.com/gpu stands for on a node: whole GPUs where both are empty."""

    profile: str
    is_shared: bool


def read_node(raw: Mapping[str, Any]) -> Node:
    """A node of the API server. Raises Unreadable."""
    metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
    found = labels(metadata.get("labels"))
    offers = mapping(status.get("allocatable"))
    return Node(
        name=required(text(metadata.get("name"))),
        labels={key: value.lower() for key, value in found.items()},
        offers={resource: _units(amount) for resource, amount in offers.items()},
    )


def matches(
    classes: Mapping[str, AcceleratorClassSpec], nodes: Sequence[Node]
) -> dict[str, tuple[Match, ...]]:
    """The nodes of each class. What a label says wins: a node that is surely of one class is in no other
    class that only its resource fits."""
    found = {name: [each for node in nodes if (each := match(spec, node))] for name, spec in classes.items()}
    known = {
        (each.node, classes[name].resource_name)
        for name, those in found.items()
        for each in those
        if each.is_sure
    }
    return {
        name: tuple(
            each for each in those if each.is_sure or (each.node, classes[name].resource_name) not in known
        )
        for name, those in found.items()
    }


def match(accelerator: AcceleratorClassSpec, node: Node) -> Match | None:
    """The node with what it offers of the class; None where it is no node of the class."""
    if accelerator.resource_name is None:
        return _cpu_match(accelerator, node)
    if not accelerator.node_labels:
        units = _offered(accelerator, node, accelerator.resource_name)
        return Match(node.name, units, is_sure=False) if units else None
    if not any(_has(node, label) for label in accelerator.node_labels):
        return None
    gpu = _gpu(node)
    if accelerator.part_of:
        return _part_match(accelerator, node, gpu)
    units = _offered(accelerator, node, accelerator.resource_name)
    if accelerator.resource_name == GPU and (gpu != _Gpu("", False) or (not units and _has_parts(node))):
        return None
    return Match(node.name, units)


def _cpu_match(accelerator: AcceleratorClassSpec, node: Node) -> Match | None:
    """A class without a resource counts CPUs. One that is only announced has no nodes."""
    wanted = accelerator.architecture
    if accelerator.availability != "Available" or (wanted and node.labels.get(ARCHITECTURE) != wanted):
        return None
    if accelerator.node_labels and not any(_has(node, label) for label in accelerator.node_labels):
        return None
    return Match(node.name, node.offers.get("cpu", 0))


def _part_match(accelerator: AcceleratorClassSpec, node: Node, gpu: _Gpu) -> Match | None:
    """A node that offers parts under their own name, or calls them nvidia.com/gpu."""
    part = accelerator.part_of
    units = node.offers.get(accelerator.resource_name or "", 0)
    if part and part.kind is PartKind.MIG:
        is_called_gpu = gpu == _Gpu((part.profile or "").lower(), False)
    else:
        is_called_gpu = gpu == _Gpu("", True)
    if is_called_gpu and accelerator.resource_name != GPU:
        units += node.offers.get(GPU, 0)
    return Match(node.name, units) if units or is_called_gpu else None


def _offered(accelerator: AcceleratorClassSpec, node: Node, resource: str) -> int:
    """Chips on a node, where need be counted by their parts."""
    chips = node.offers.get(resource, 0)
    parts = [node.offers.get(part.name, 0) // part.per_chip for part in accelerator.resource_parts]
    return max(chips, *parts) if parts else chips


def _has(node: Node, label: NodeLabel) -> bool:
    """Whether a node carries a label with one of its values, and those that it demands besides."""
    return all(
        _value(node, each.key) in {value.lower() for value in each.values} for each in (label, *label.and_)
    )


def _value(node: Node, key: str) -> str | None:
    """The value of a label; of a GPU's product that of the whole GPU."""
    value = node.labels.get(key)
    if key != PRODUCT or value is None:
        return value
    return value.removesuffix(SHARED_MARK).partition(MIG_MARK)[0]


def _gpu(node: Node) -> _Gpu:
    product = node.labels.get(PRODUCT, "")
    profile = product.removesuffix(SHARED_MARK).partition(MIG_MARK)[2] or node.labels.get(GKE_PROFILE, "")
    is_shared = any(node.labels.get(key) in SHARED for key in SHARING) or product.endswith(SHARED_MARK)
    return _Gpu(profile, is_shared)


def _has_parts(node: Node) -> bool:
    """Whether a node offers GPUs under a name of their parts."""
    return any(
        units and (resource == SHARED_GPU or resource.startswith("nvidia.com/mig-"))
        for resource, units in node.offers.items()
    )


def _units(amount: object) -> int:
    """A quantity in whole units; 0 for what is none. Devices are counted in plain numbers, CPUs also in
    thousandths such as 15890m."""
    written = str(amount)[:32]
    thousandths = written.endswith("m")
    digits = written.removesuffix("m")
    if not (digits.isascii() and digits.isdecimal()):
        return 0
    return min(int(digits) // (1000 if thousandths else 1), MOST_UNITS)
