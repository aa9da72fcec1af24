"""What a ResourceClaim, a ResourceClaimTemplate and a DeviceClass ask for, reduced to what can be counted.

The field names are those of resource.k8s.io/v1 and v1beta2; v1beta1 keeps the fields of `exactly` in the
request itself.
"""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from poolkeeper.kube.transport.fields import entries, mapping, number, text

MOST_REQUESTS = 32
MOST_CHOICES = 8
"""The API server allows no more requests in a claim, and no more choices in a request."""
MOST_EXPRESSION_CHARACTERS = 2_048
_PRODUCT = re.compile(
    r"device\.attributes\[[\"'][-a-z0-9.]{1,63}[\"']\]\.productName\s{0,8}==\s{0,8}"
    r"[\"']([-\w .+()/]{1,64})[\"']",
    re.ASCII,
)
"""The plain form in which a selector names a product."""


class DeviceChoice(NamedTuple):
    """Devices of one class that a request accepts."""

    device_class: str
    devices: int | None
    """How many; None where the cluster decides that."""
    uncounted: str = ""
    """Why the number is not known."""
    product: str = ""
    """The product that a selector names, for people to read; empty where none is named in a plain form."""


class DeviceRequest(NamedTuple):
    """One request of a claim."""

    name: str
    choices: tuple[DeviceChoice, ...]
    """What the scheduler may allocate, in order of preference; one entry unless the request is a prioritized
    list."""


def project_claim(raw: Mapping[str, Any]) -> tuple[DeviceRequest, ...]:
    """The requests of a ResourceClaim. Raises Unreadable."""
    return _requests(mapping(raw.get("spec")))


def project_claim_template(raw: Mapping[str, Any]) -> tuple[DeviceRequest, ...]:
    """The requests of the claims that are made from a ResourceClaimTemplate. Raises Unreadable."""
    return _requests(mapping(mapping(raw.get("spec")).get("spec")))


def project_extended_resource(raw: Mapping[str, Any]) -> str:
    """The extended resource that devices of a DeviceClass serve (KEP-5004), or nothing. Raises Unreadable."""
    return text(mapping(raw.get("spec")).get("extendedResourceName"))


def _requests(spec: Mapping[str, Any]) -> tuple[DeviceRequest, ...]:
    listed = entries(mapping(spec.get("devices")).get("requests"))
    return tuple(_request(raw) for raw in islice(listed, MOST_REQUESTS))


def _request(raw: Mapping[str, Any]) -> DeviceRequest:
    choices = entries(raw.get("firstAvailable")) or [mapping(raw.get("exactly")) or raw]
    return DeviceRequest(
        name=text(raw.get("name")),
        choices=tuple(_choice(choice) for choice in islice(choices, MOST_CHOICES)),
    )


def _choice(raw: Mapping[str, Any]) -> DeviceChoice:
    devices, uncounted = _devices(raw)
    return DeviceChoice(text(raw.get("deviceClassName")), devices, uncounted, _product(raw))


def _devices(raw: Mapping[str, Any]) -> tuple[int | None, str]:
    mode = text(raw.get("allocationMode"))
    if raw.get("adminAccess") is True:
        return 0, ""  # Access to devices beside their users; none is allocated.
    if mode == "All":
        return None, "allocationMode is All, which takes whatever the node has"
    if mode not in ("", "ExactCount"):
        return None, "its allocationMode is not known"
    if mapping(mapping(raw.get("capacity")).get("requests")):
        return None, "it asks for a share of a device's capacity"
    return max(0, number(raw.get("count"))) or 1, ""


def _product(raw: Mapping[str, Any]) -> str:
    for selector in islice(entries(raw.get("selectors")), MOST_REQUESTS):
        expression = text(mapping(selector.get("cel")).get("expression"))
        if found := _PRODUCT.search(expression, 0, MOST_EXPRESSION_CHARACTERS):
            return found[1]
    return ""
