"""What a pod asks for, from its template.

Total over any JSON: what does not have the form of a pod asks for nothing.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Json = Mapping[str, Any]
Amounts = dict[str, int]
"""Thousandths of a unit, by resource."""

CPU = "cpu"
_QUANTITY = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?(|m|k|M|G|T|Ki|Mi|Gi|Ti)", re.ASCII)
_FACTORS = {"": 1000, "m": 1, "k": 10**6, "M": 10**9, "G": 10**12, "T": 10**15}
_FACTORS |= {"Ki": 1000 * 2**10, "Mi": 1000 * 2**20, "Gi": 1000 * 2**30, "Ti": 1000 * 2**40}


def asked_by(pod: Json) -> Amounts:
    """What the scheduler sets aside for a pod with this spec: the larger of what its containers use together,
    and of what an init container uses beside the sidecars that were started before it.

    A sidecar is an init container with restartPolicy Always (KEP-753). An amount for the whole pod (KEP-2837)
    counts instead of the sum.
    """
    peak: Amounts = {}
    sidecars: Amounts = {}
    for container in mappings(pod.get("initContainers")):
        beside = _combined(sidecars, _of(container), int.__add__)
        peak = _combined(peak, beside, max)
        if container.get("restartPolicy") == "Always":
            sidecars = beside
    together = sidecars
    for container in mappings(pod.get("containers")):
        together = _combined(together, _of(container), int.__add__)
    return {name: amount for name, amount in (_combined(peak, together, max) | _of(pod)).items() if amount}


def whole(amounts: Amounts) -> dict[str, int]:
    """The resources that are asked for in whole units above zero, as extended resources always are."""
    return {name: amount // 1000 for name, amount in amounts.items() if amount and amount % 1000 == 0}


def thousandths(quantity: object) -> int | None:
    """A Kubernetes quantity in thousandths, rounded up; None for what is no quantity of this form."""
    if isinstance(quantity, bool) or not isinstance(quantity, int | str):
        return None
    found = _QUANTITY.fullmatch(quantity) if isinstance(quantity, str) else None
    if found is None:
        return quantity * 1000 if isinstance(quantity, int) and 0 <= quantity < 10**15 else None
    digits, decimals, suffix = found.groups()
    scale: int = 10 ** len(decimals or "")
    units = int(digits + (decimals or "")) * _FACTORS[suffix]
    return -(-units // scale)


def _of(holder: Json) -> Amounts:
    """What one container, or the pod as a whole, asks for. The scheduler sets aside what is requested; a
    resource that is only limited is requested to that limit, and the two are equal for extended resources."""
    resources = mapping(holder.get("resources"))
    amounts = mapping(resources.get("limits")) | mapping(resources.get("requests"))
    read = {str(name): thousandths(amount) for name, amount in amounts.items()}
    return {name: amount for name, amount in read.items() if amount is not None}


def _combined(left: Amounts, right: Amounts, combine: Callable[[int, int], int]) -> Amounts:
    return {name: combine(left.get(name, 0), right.get(name, 0)) for name in {**left, **right}}


def mapping(value: object) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """The JSON objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
