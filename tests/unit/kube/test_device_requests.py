"""What resource claims ask for, reduced to what can be counted; nothing in them raises anything else than
Unreadable."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.kube.objects.devices.claims import ClaimName, ClaimSource, declared_claims
from poolkeeper.kube.objects.devices.requests import (
    MOST_REQUESTS,
    DeviceChoice,
    DeviceRequest,
    project_claim,
    project_claim_template,
    project_extended_resource,
)
from poolkeeper.kube.transport.fields import Unreadable

Json = dict[str, Any]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "devices", "requests", "exactly", "firstAvailable", "count", "selectors"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def claim(*requests: Json) -> Json:
    return {"spec": {"devices": {"requests": list(requests)}}}


def gpu(**more: Any) -> Json:
    return {"deviceClassName": "gpu.nvidia.com", **more}


def selecting(expression: str) -> Json:
    return gpu(selectors=[{"cel": {"expression": expression}}])


GPU = DeviceChoice("gpu.nvidia.com", 1)
CHOICES: dict[str, tuple[Json, DeviceChoice]] = {
    "one by default": (gpu(), GPU),
    "a number": (gpu(allocationMode="ExactCount", count=4), GPU._replace(devices=4)),
    "admin access": (gpu(count=4, adminAccess=True), GPU._replace(devices=0)),
    "a product": (
        selecting("device.attributes['gpu.nvidia.com'].productName == 'NVIDIA H100 80GB HBM3'"),
        GPU._replace(product="NVIDIA H100 80GB HBM3"),
    ),
    "a product among other things": (
        selecting(
            'device.capacity["gpu.nvidia.com"].memory.isGreaterThan(quantity("8Gi")) && '
            'device.attributes["gpu.nvidia.com"].productName == "NVIDIA L4"'
        ),
        GPU._replace(product="NVIDIA L4"),
    ),
    "an expression that names no product": (selecting("device.driver == 'gpu.nvidia.com'"), GPU),
    "a product that is no name": (
        selecting("device.attributes['gpu.nvidia.com'].productName == 'a\\n`b`'"),
        GPU,
    ),
}
UNCOUNTED = {
    "all of a node": (gpu(allocationMode="All"), "allocationMode is All"),
    "a mode of later": (gpu(allocationMode="Later"), "not known"),
    "a share of a device": (gpu(capacity={"requests": {"memory": "8Gi"}}), "a share"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_what_a_request_asks_for(case: str) -> None:
    exactly, choice = CHOICES[case]
    expected = (DeviceRequest("gpu", (choice,)),)
    assert project_claim(claim({"name": "gpu", "exactly": exactly})) == expected
    assert project_claim(claim({"name": "gpu", **exactly})) == expected, "as v1beta1 has it"
    template = {"spec": claim({"name": "gpu", "exactly": exactly})}
    assert project_claim_template(template) == expected


@pytest.mark.parametrize("case", UNCOUNTED)
def test_what_can_not_be_counted_is_unknown(case: str) -> None:
    exactly, why = UNCOUNTED[case]
    ((_, (choice,)),) = project_claim(claim({"name": "gpu", "exactly": exactly}))
    assert choice.devices is None
    assert why in choice.uncounted


def test_a_prioritized_list_keeps_its_order() -> None:
    listed = [
        {"name": "big", **gpu(count=1)},
        {"name": "parts", "deviceClassName": "mig.nvidia.com", "count": 4},
    ]
    ((_, choices),) = project_claim(claim({"name": "any", "firstAvailable": listed}))
    assert choices == (GPU, DeviceChoice("mig.nvidia.com", 4))


def test_no_more_is_read_than_the_api_server_allows() -> None:
    assert len(project_claim(claim(*[{"name": "gpu", "exactly": gpu()}] * 10_000))) == MOST_REQUESTS


def test_the_extended_resource_of_a_device_class() -> None:
    assert project_extended_resource({"spec": {"extendedResourceName": "nvidia.com/gpu"}}) == "nvidia.com/gpu"
    assert project_extended_resource({}) == ""


def test_the_claims_that_a_pod_template_names() -> None:
    listed = [
        {"name": "own", "resourceClaimTemplateName": "one-gpu"},
        {"name": "shared", "resourceClaimName": "the-gpu"},
        {"name": "neither"},
        {"resourceClaimName": 7},
        "x",
    ]
    assert declared_claims({"spec": {"resourceClaims": listed}}) == (
        ClaimName("own", ClaimSource.TEMPLATE, "one-gpu"),
        ClaimName("shared", ClaimSource.CLAIM, "the-gpu"),
    )


@given(ANYTHING)
def test_whatever_others_write_is_read_or_unreadable(anything: Any) -> None:
    raw = anything if isinstance(anything, dict) else {"spec": anything}
    for project in (project_claim, project_claim_template, project_extended_resource):
        try:
            project(raw)
        except Unreadable:
            continue
    declared_claims({"spec": {"resourceClaims": anything}})
    declared_claims({"spec": anything})
