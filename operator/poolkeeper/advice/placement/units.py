"""What counts as one unit of a class: of its resource, or of a device that is claimed."""

from collections.abc import Mapping
from typing import NamedTuple

from poolkeeper.advice.placement.amounts import Amounts, whole
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.kube.objects.devices.claims import PodClaim, PodClaims

OF_DEVICE_CLASS = "deviceclass.resource.kubernetes.io/"
"""A container may ask for devices of a DeviceClass by a resource of this prefix and its name (KEP-5004)."""


class Units(NamedTuple):
    """Units of a class that one pod holds."""

    chips: int | None
    unknown: str = ""
    """Why the number is not known; empty where it is."""


def per_unit(accelerator: AcceleratorClassSpec, extended: Mapping[str, str]) -> dict[str, int]:
    """The resources of the class, each with how many of it make up one unit: 1, or the cores of one chip.

    `extended` has the extended resource of each DeviceClass that was read. A part of a chip may be offered
    under the other names of its class too, for example a MIG slice as nvidia.com/gpu.
    """
    names = accelerator.device_class_names
    ones = {accelerator.resource_name or "", *(extended.get(name, "") for name in names)}
    if accelerator.part_of:
        ones.update(accelerator.other_resource_names)
    parts = {part.name: part.per_chip for part in accelerator.resource_parts}
    whole_units = dict.fromkeys({*ones, *(OF_DEVICE_CLASS + name for name in names)} - {""}, 1)
    return parts | whole_units


def is_own_device(accelerator: AcceleratorClassSpec, device_class: str, extended: Mapping[str, str]) -> bool:
    """Whether a device of that DeviceClass is a unit of the class."""
    serves = extended.get(device_class)
    return device_class in accelerator.device_class_names or bool(
        serves and serves == accelerator.resource_name
    )


def classes_to_ask(accelerator: AcceleratorClassSpec, amounts: Amounts) -> tuple[str, ...]:
    """DeviceClasses of the class whose extended resource may be the one that a pod asks for; none where the
    class's own resources are asked for, or none at all."""
    asked = {name for name in whole(amounts) if "/" in name}
    return () if asked & per_unit(accelerator, {}).keys() or not asked else accelerator.device_class_names


def matches(resource: str, pattern: str) -> bool:
    """Whether a resource has that name; a `*` at the end of the name matches any ending."""
    return resource.startswith(pattern[:-1]) if pattern.endswith("*") else resource == pattern


def asks_for(accelerator: AcceleratorClassSpec, amounts: Amounts, claims: PodClaims) -> bool:
    """Whether a pod asks for units of the class, also where their number is not known."""
    is_claimed = any(
        is_own_device(accelerator, name, claims.extended)
        for claim in claims.claims
        for name in claim.device_classes
    )
    return is_claimed or bool(whole(amounts).keys() & per_unit(accelerator, claims.extended).keys())


def units_of(accelerator: AcceleratorClassSpec, amounts: Amounts, claims: PodClaims) -> Units:
    """Units of the class that a pod holds by its limits and by its claims together."""
    asked = whole(amounts)
    per_chip = per_unit(accelerator, claims.extended)
    chips = sum(-(-asked[name] // count) for name, count in per_chip.items() if name in asked)
    for problem in claims.all_problems:
        return Units(None, problem.message)
    for claim in claims.claims:
        claimed = _units_of_claim(accelerator, claim, claims.extended)
        if claimed.chips is None:
            return claimed
        chips += claimed.chips
    return Units(chips)


def _units_of_claim(accelerator: AcceleratorClassSpec, claim: PodClaim, extended: Mapping[str, str]) -> Units:
    if not any(is_own_device(accelerator, name, extended) for name in claim.device_classes):
        return Units(0)
    if claim.is_shared:
        return Units(None, f"all replicas share {claim.named}, so no chip belongs to one replica")
    chips = 0
    for request in claim.requests:
        own = [
            choice for choice in request.choices if is_own_device(accelerator, choice.device_class, extended)
        ]
        found = {choice.devices for choice in own} | ({0} if len(own) < len(request.choices) else set())
        uncounted = next((choice.uncounted for choice in own if choice.devices is None), "")
        if len(found) > 1 and not uncounted:
            uncounted = "its choices hold different numbers of chips of the class"
        if uncounted:
            return Units(None, f"request {request.name} of {claim.named} can't be counted: {uncounted}")
        chips += sum(each or 0 for each in found)
    return Units(chips)
