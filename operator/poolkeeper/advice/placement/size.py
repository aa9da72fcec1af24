"""How many chips of its class one replica holds."""

from collections.abc import Sequence

from poolkeeper.advice.placement.amounts import CPU, Amounts, asked_by, mapping, whole
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Availability
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.targets import PodsOfReplica

MOST_CHIPS = 1_000_000
"""More than that in one replica is a mistake in its template, and no size to count with."""


def replica_size(
    name: str, accelerator: AcceleratorClassSpec, replica: Sequence[PodsOfReplica]
) -> ReplicaSize:
    """The size of a replica of the class called `name`, from the limits of its pods."""
    pods = sum(part.pods for part in replica)
    asked = [(part.pods, asked_by(mapping(part.template.get("spec")))) for part in replica]
    if accelerator.resource_name is None:
        return _vcpus(name, accelerator, asked, pods)
    chips = sum(count * whole(amounts).get(accelerator.resource_name, 0) for count, amounts in asked)
    if not chips:
        return ReplicaSize(None, pods, f"no container asks for {accelerator.resource_name}")
    return _bounded(chips, pods)


def _vcpus(
    name: str, accelerator: AcceleratorClassSpec, asked: Sequence[tuple[int, Amounts]], pods: int
) -> ReplicaSize:
    """A class without a resource is one of CPUs, unless it is only announced."""
    if accelerator.availability is Availability.ANNOUNCED:
        return ReplicaSize(None, pods, f"class {name} names no resource that could be counted")
    thousandths = sum(count * amounts.get(CPU, 0) for count, amounts in asked)
    if not thousandths:
        return ReplicaSize(None, pods, "no container requests cpu")
    return _bounded(-(-thousandths // 1000), pods)


def _bounded(chips: int, pods: int) -> ReplicaSize:
    if chips > MOST_CHIPS:
        return ReplicaSize(None, pods, f"the pod template asks for more than {MOST_CHIPS:,} chips")
    return ReplicaSize(chips, pods)
