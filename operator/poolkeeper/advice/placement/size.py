"""How many chips of its class one replica holds."""

from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.advice.placement.amounts import CPU, Amounts, Json, asked_by, mapping
from poolkeeper.advice.placement.parts import other_part
from poolkeeper.advice.placement.units import units_of
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Availability
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.devices.claims import NO_CLAIMS, PodClaims
from poolkeeper.kube.objects.targets import PodsOfReplica

MOST_CHIPS = 1_000_000
"""More than that in one replica is a mistake in its template, and no size to count with."""


class PodsAsking(NamedTuple):
    """The pods of one replica that are made from one template, with what each asks for."""

    pods: int
    role: str
    spec: Json
    amounts: Amounts
    claims: PodClaims = NO_CLAIMS


def asking(part: PodsOfReplica, claims: PodClaims = NO_CLAIMS) -> PodsAsking:
    """What the pods of one template ask for; `claims` are those that it names."""
    spec = mapping(part.template.get("spec"))
    return PodsAsking(part.pods, part.role, spec, asked_by(spec), claims)


def replica_size(name: str, accelerator: AcceleratorClassSpec, replica: Sequence[PodsAsking]) -> ReplicaSize:
    """The size of a replica of the class called `name`."""
    pods = sum(part.pods for part in replica)
    if accelerator.resource_name is None and not accelerator.device_class_names:
        return _vcpus(name, accelerator, replica, pods)
    chips = 0
    for part in replica:
        if other := other_part(name, accelerator, part.spec):
            selected = f"{other.label}={other.value[:63]}"
            return ReplicaSize(None, pods, f"the pods select {selected}, and such nodes offer parts of chips")
        units = units_of(accelerator, part.amounts, part.claims)
        if units.chips is None:
            return ReplicaSize(None, pods, units.unknown)
        chips += part.pods * units.chips
    if not chips:
        wanted = accelerator.resource_name or f"a device of {' or '.join(accelerator.device_class_names)}"
        return ReplicaSize(None, pods, f"no container asks for {wanted}")
    return _bounded(chips, pods)


def _vcpus(
    name: str, accelerator: AcceleratorClassSpec, replica: Sequence[PodsAsking], pods: int
) -> ReplicaSize:
    """A class without a resource is one of CPUs, unless it is only announced."""
    if accelerator.availability is Availability.ANNOUNCED:
        return ReplicaSize(None, pods, f"class {name} names no resource that could be counted")
    asked = sum(part.pods * part.amounts.get(CPU, 0) for part in replica)
    if not asked:
        return ReplicaSize(None, pods, "no container requests cpu")
    return _bounded(-(-asked // 1000), pods)


def _bounded(chips: int, pods: int) -> ReplicaSize:
    if chips > MOST_CHIPS:
        return ReplicaSize(None, pods, f"the pod template asks for more than {MOST_CHIPS:,} chips")
    return ReplicaSize(chips, pods)
