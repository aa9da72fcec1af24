"""Whether the pods ask for the resource of their class, and whose resource they ask for instead."""

from collections.abc import Iterator

from poolkeeper.advice.nodes import PRODUCT
from poolkeeper.advice.placement.amounts import whole
from poolkeeper.advice.placement.nodes import selects_other_nodes
from poolkeeper.advice.placement.parts import other_part
from poolkeeper.advice.placement.remark import Placement, Remark, asks, container_of, line, listed
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.advice.placement.units import matches
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Availability

MOST_NAMED = 3


def resource_remarks(placement: Placement) -> Iterator[Remark]:
    """Nothing where one of the templates asks for units of the class, where that is not known, or where the
    resource of an announced class is not known."""
    accelerator = placement.accelerator
    has_resource = bool(accelerator.resource_name or accelerator.device_class_names)
    if not has_resource and accelerator.availability is Availability.ANNOUNCED:
        return
    if any(asks(accelerator, part) or _is_unknown(part) for part in placement.replica):
        return
    asked = sorted({name for part in placement.replica for name in _asked(part)})
    for name in asked:
        if others := _classes_of(placement, name):
            yield _of_others(placement, name, others)
            return
    if has_resource and not any(_is_other_name(accelerator, name) for name in asked):
        yield Remark(
            "ResourceNotRequested",
            f"the pod template does not ask for {_wanted(accelerator)}, the resource of class "
            f"{placement.name}: {_lines(placement)}, or name another class in spec.accelerator.class",
        )


def part_remarks(placement: Placement, part: PodsAsking) -> Iterator[Remark]:
    """Pods that select nodes on which the resource of the class stands for another part of a chip. A product
    that is not of the class is said with the other labels of its nodes."""
    other = other_part(placement.name, placement.accelerator, part.spec)
    if other is None or other.label == PRODUCT:
        return
    accelerator = placement.accelerator
    whole = accelerator.part_of.class_ if accelerator.part_of else placement.name
    names = sorted(name for name, spec in placement.classes.items() if other.is_of(spec, whole))
    part_of = {"class": whole, "kind": other.kind.value} | (
        {"profile": other.profile} if other.profile else {}
    )
    lines = (
        f"in the pool {line('accelerator', {'class': names[0]})}"
        if names
        else f"a class of your own with {line('partOf', part_of)}"
    )
    yield Remark(
        "PartRequested",
        f"nodeSelector {other.label}={other.value[:63]} selects nodes whose GPUs are parts of chips that "
        f"class {placement.name} does not count: write {lines}, or select other nodes",
    )


def _is_unknown(part: PodsAsking) -> bool:
    declared = part.spec.get("resourceClaims")
    count = len(declared) if isinstance(declared, list) else 0
    return bool(part.claims.all_problems) or count > len(part.claims.claims)


def _asked(part: PodsAsking) -> set[str]:
    """The extended resources and the DeviceClasses that a template asks for."""
    resources = {name for name in whole(part.amounts) if "/" in name}
    return resources | {name for claim in part.claims.claims for name in claim.device_classes}


def _is_other_name(accelerator: AcceleratorClassSpec, resource: str) -> bool:
    return any(matches(resource, pattern) for pattern in accelerator.other_resource_names)


def _classes_of(placement: Placement, asked: str) -> list[str]:
    """The classes whose units a template asks for; first those that are parts of the pool's class, or of the
    same chip, then those whose nodes the template selects."""
    accelerator, name = placement.accelerator, placement.name
    chip = accelerator.part_of.class_ if accelerator.part_of else name

    def rank(other: str) -> tuple[bool, bool, str]:
        spec = placement.classes[other]
        is_of_chip = other == chip or (spec.part_of is not None and spec.part_of.class_ == chip)
        elsewhere = any(selects_other_nodes(spec, part.spec) for part in placement.replica)
        return not is_of_chip, elsewhere, other

    found = [
        other
        for other, spec in placement.classes.items()
        if other != name and asked in (spec.resource_name, *spec.device_class_names)
    ]
    if _is_other_name(accelerator, asked):
        # Another name of the class's own resource, unless it is a part of this chip with a class of its own.
        found = [other for other in found if not rank(other)[0]]
    ranked = sorted(found, key=rank)
    return [other for other in ranked if rank(other)[:2] == rank(ranked[0])[:2]]


def _of_others(placement: Placement, asked: str, others: list[str]) -> Remark:
    spec = placement.classes[others[0]]
    is_part = spec.part_of is not None and spec.part_of.class_ == placement.name
    names = listed(others, MOST_NAMED)
    described = f"the resource of {'class' if len(others) == 1 else 'classes'} {names}"
    if is_part:
        described += f" and only a part of a chip, while class {placement.name} stands for whole chips"
    return Remark(
        "PartRequested" if is_part else "ResourceOfAnotherClass",
        f"the pod template asks for {asked}, {described}: write in the pool "
        f"{line('accelerator', {'class': others[0]})}, or for class {placement.name} {_lines(placement)}",
    )


def _wanted(accelerator: AcceleratorClassSpec) -> str:
    return accelerator.resource_name or f"a device of {' or '.join(accelerator.device_class_names)}"


def _lines(placement: Placement) -> str:
    """The lines with which a template asks for one unit of the class."""
    accelerator, part = placement.accelerator, placement.parts[0]
    if not (accelerator.resource_name or accelerator.device_class_names):
        return "remove it from the limits"
    if accelerator.resource_name:
        limits = {"limits": {accelerator.resource_name: 1}}
        return f"write in {container_of(part)} {line('resources', limits)}"
    request = {"name": "chip", "exactly": {"deviceClassName": accelerator.device_class_names[0]}}
    claim = {"name": "chip", "resourceClaimTemplateName": "chip"}
    return (
        f"write in the pod {line('resourceClaims', [claim])}, in {container_of(part)} "
        f"{line('resources', {'claims': [{'name': 'chip'}]})}, and in ResourceClaimTemplate chip "
        f"{line('spec', {'spec': {'devices': {'requests': [request]}}})}"
    )
