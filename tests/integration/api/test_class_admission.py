"""Classes that the API server refuses, with which message, and the defaults of those that it accepts."""

import pytest

from poolkeeper.api.catalogue import catalogue
from tests.integration.api.conftest import Kubectl, Refused
from tests.integration.api.specs import CLASS, PRICE, REMOVED, Spec, changed

REFUSED: dict[str, tuple[Spec, str]] = {
    "no vendor": ({"vendor": REMOVED}, "spec.vendor: Required value"),
    "resource with spaces": ({"resourceName": "one gpu"}, "must be NAME or DOMAIN/NAME"),
    "no memory": ({"memoryGiBPerChip": 0}, "should be greater than or equal to 1"),
    "label without values": ({"nodeLabels": [{"key": "a", "values": []}]}, "should have at least 1 items"),
    "unknown effect": ({"taints": [{"key": "a", "effect": "Never"}]}, 'supported values: "NoSchedule"'),
    "price as a float": ({"prices": [{**PRICE, "amount": 0.8}]}, "must be of type string"),
    "price in words": ({"prices": [{**PRICE, "amount": "cheap"}]}, "amount must be a decimal"),
    "negative price": ({"prices": [{**PRICE, "amount": "-1"}]}, "amount must be a decimal"),
    "unknown currency": ({"prices": [{**PRICE, "currency": "$"}]}, "must be an ISO 4217 code"),
    "price without a source": (
        {"prices": [{**PRICE, "source": None}]},
        "spec.prices[0].source: Required value",
    ),
    "date of another form": ({"prices": [{**PRICE, "date": "20.7.2026"}]}, "must be YYYY-MM-DD"),
    "own price in words": ({"dollarsPerChipHour": "cheap"}, "must be a decimal like"),
    "unknown market": ({"market": "Later"}, 'supported values: "OnDemand", "Spot", "Reserved"'),
    "unknown purpose": ({"purpose": "Fun"}, 'supported values: "Any", "Inference", "Training"'),
    "MIG without a profile": (
        {"partOf": {"class": "nvidia-h100", "kind": "MIG"}},
        "a part of kind MIG needs its profile",
    ),
    "part of nothing": ({"partOf": {"kind": "TimeSliced"}}, "spec.partOf.class: Required value"),
    "no part at all": (
        {"partOf": {"class": "nvidia-l4", "kind": "TimeSliced", "partsPerChip": 0}},
        "should be greater than or equal to 1",
    ),
    "uneven slice": (
        {"slices": [{"topology": "2x4", "chips": 8, "hosts": 3}]},
        "the chips of a slice must divide evenly among its hosts",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(kubectl: Kubectl, case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(Refused) as refusal:
        kubectl.admit("AcceleratorClass", changed(CLASS, changes))
    assert message in str(refusal.value)


def test_fills_in_defaults(kubectl: Kubectl) -> None:
    stored = kubectl.admit(
        "AcceleratorClass", changed(CLASS, {"prices": [PRICE], "taints": [{"key": "gpu"}]})
    )
    assert stored == {
        "vendor": "NVIDIA",
        "displayName": "NVIDIA L4",
        "availability": "Available",
        "deviceClassNames": [],
        "machineTypes": [],
        "market": "OnDemand",
        "nodeLabels": [],
        "otherResourceNames": [],
        "nodeTailSeconds": 600,
        "prices": [
            {**PRICE, "currency": "USD", "chips": 1, "period": "Hour", "market": "OnDemand", "verified": True}
        ],
        "purpose": "Any",
        "resourceParts": [],
        "slices": [],
        "sources": [],
        "taints": [{"key": "gpu", "effect": "NoSchedule"}],
    }


@pytest.mark.parametrize("manifest", catalogue(), ids=lambda manifest: manifest["metadata"]["name"])
def test_accepts_the_catalogue(kubectl: Kubectl, manifest: Spec) -> None:
    stored = kubectl.admit("AcceleratorClass", manifest["spec"])
    assert stored["displayName"] == manifest["spec"]["displayName"]


def test_accepts_a_class_that_is_as_large_as_the_schema_allows(kubectl: Kubectl) -> None:
    """The cost of all rules together stays within what the API server allows for one object."""
    long, value = "x" * 63, "y" * 62
    domain = ".".join([*("d" * 60 for _ in range(4)), "com"])

    def labels(count: int) -> list[Spec]:
        values = [f"{value}{number % 10}" for number in range(32)]
        return [{"key": f"{domain}/{number:02}{long[2:]}", "values": values} for number in range(count)]

    text = {"source": "s" * 1024, "date": "2026-11-30"}
    amount = "123456789.123456789"
    spec = {
        **CLASS,
        "nodeLabels": [{**label, "and": labels(4)} for label in labels(16)],
        "otherResourceNames": [f"{domain}/{number:02}{long[2:]}" for number in range(16)],
        "resourceParts": [{"name": f"{domain}/{number}{long[1:]}", "perChip": 2} for number in range(8)],
        "taints": [{"key": f"{domain}/{number:02}{long[2:]}", "value": value} for number in range(16)],
        "machineTypes": [{"name": f"{number:02}{long[2:]}", "chips": 8} for number in range(64)],
        "slices": [{"topology": f"{number}x1", "chips": number, "hosts": 1} for number in range(1, 65)],
        "prices": [{"name": f"{number:02}{long[2:]}", "amount": amount, **text} for number in range(64)],
        "sources": [{"figure": f"{number:02}{long[2:]}", **text} for number in range(32)],
        "partOf": {"class": "nvidia-h100", "kind": "MIG", "profile": "1g.10gb", "partsPerChip": 7},
        "dollarsPerChipHour": amount,
    }
    assert len(kubectl.admit("AcceleratorClass", spec)["prices"]) == 64
