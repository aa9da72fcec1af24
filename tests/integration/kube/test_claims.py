"""Resource claims as a real API server keeps them (resource.k8s.io/v1), counted in chips of a class."""

import time
from typing import Any

import pytest

from hack.testing.control_plane import ControlPlane
from poolkeeper.advice.placement.size import asking, replica_size
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.devices.claims import PodClaims
from poolkeeper.kube.objects.devices.reader import ClaimReader
from poolkeeper.kube.objects.targets import PodsOfReplica
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path, namespaced_path

V1 = "resource.k8s.io/v1"
H100 = AcceleratorClassSpec(
    vendor="NVIDIA",
    display_name="H100",
    resource_name="nvidia.com/gpu",
    device_class_names=("gpu.nvidia.com",),
)
SLICE = AcceleratorClassSpec(vendor="NVIDIA", display_name="MIG", device_class_names=("mig.nvidia.com",))
PRODUCT = "device.attributes['gpu.nvidia.com'].productName == 'NVIDIA H100 80GB HBM3'"

Json = dict[str, Any]


@pytest.fixture
async def device_classes(kube_client: KubeClient) -> None:
    for name, extended in (
        ("gpu.nvidia.com", {"extendedResourceName": "nvidia.com/gpu"}),
        ("mig.nvidia.com", {}),
        ("fast.example.com", {"extendedResourceName": "example.com/fast"}),
    ):
        await create(kube_client, "DeviceClass", "deviceclasses", name, extended)


async def create(
    client: KubeClient, kind: str, plural: str, name: str, spec: Json, namespace: str = ""
) -> None:
    at = namespaced_path(V1, namespace, plural) if namespace else api_path(V1, plural)
    body = {"apiVersion": V1, "kind": kind, "metadata": {"name": name}, "spec": spec}
    try:
        await client.request("POST", at, body=body)
    except ApiError as failure:
        if failure.reason != "AlreadyExists":
            raise


async def create_template(client: KubeClient, namespace: str, name: str, *requests: Json) -> None:
    spec = {"spec": {"devices": {"requests": list(requests)}}}
    await create(client, "ResourceClaimTemplate", "resourceclaimtemplates", name, spec, namespace)


def one(device_class: str = "gpu.nvidia.com", **more: Any) -> Json:
    return {"name": "gpu", "exactly": {"deviceClassName": device_class, **more}}


def claiming(name: str, by: str = "resourceClaimTemplateName") -> Json:
    return {"spec": {"containers": [], "resourceClaims": [{"name": "gpu", by: name}]}}


async def read(client: KubeClient, namespace: str, template: Json) -> PodClaims:
    return await ClaimReader(client, time.time).read(namespace, template)


def size(accelerator: AcceleratorClassSpec, template: Json, claims: PodClaims) -> ReplicaSize:
    return replica_size("ours", accelerator, [asking(PodsOfReplica(template, 1), claims)])


@pytest.mark.parametrize(
    ("request_", "accelerator", "chips"),
    [
        (one(), H100, 1),
        (one(count=4, allocationMode="ExactCount"), H100, 4),
        (one(count=2, selectors=[{"cel": {"expression": PRODUCT}}]), H100, 2),
        (one("mig.nvidia.com", count=3), SLICE, 3),
        (one("mig.nvidia.com"), H100, None),
        (one(allocationMode="All"), H100, None),
        (
            {
                "name": "gpu",
                "firstAvailable": [
                    {"name": "whole", "deviceClassName": "gpu.nvidia.com"},
                    {"name": "slices", "deviceClassName": "mig.nvidia.com", "count": 2},
                ],
            },
            H100,
            None,
        ),
    ],
    ids=["one", "four", "by product", "slices", "a slice for a GPU", "all of a node", "prioritized list"],
)
async def test_chips_of_a_claim_template(
    kube_client: KubeClient,
    namespace: str,
    device_classes: None,
    request_: Json,
    accelerator: AcceleratorClassSpec,
    chips: int | None,
) -> None:
    await create_template(kube_client, namespace, "claimed", request_)
    template = claiming("claimed")
    claims = await read(kube_client, namespace, template)
    assert claims.all_problems == ()
    found = size(accelerator, template, claims)
    assert (found.chips, bool(found.unknown)) == (chips, chips is None)


async def test_the_product_that_a_selector_names(
    kube_client: KubeClient, namespace: str, device_classes: None
) -> None:
    await create_template(kube_client, namespace, "h100", one(selectors=[{"cel": {"expression": PRODUCT}}]))
    claims = await read(kube_client, namespace, claiming("h100"))
    assert claims.claims[0].requests[0].choices[0].product == "NVIDIA H100 80GB HBM3"


async def test_a_claim_that_all_replicas_share(
    kube_client: KubeClient, namespace: str, device_classes: None
) -> None:
    spec = {"devices": {"requests": [one()]}}
    await create(kube_client, "ResourceClaim", "resourceclaims", "shared", spec, namespace)
    template = claiming("shared", by="resourceClaimName")
    found = size(H100, template, await read(kube_client, namespace, template))
    assert found.chips is None
    assert "all replicas share ResourceClaim shared" in found.unknown


async def test_a_template_that_is_not_there(kube_client: KubeClient, namespace: str) -> None:
    (problem,) = (await read(kube_client, namespace, claiming("absent"))).all_problems
    assert (problem.reason, problem.is_wrong) == ("ClaimMissing", True)


async def test_the_right_that_is_missing_is_named(api_server: ControlPlane, namespace: str) -> None:
    async with await api_server.client("stranger") as client:
        (problem,) = (await read(client, namespace, claiming("any"))).all_problems
    assert problem.reason == "ClaimsForbidden"
    assert (
        f"may not get resourceclaimtemplates of resource.k8s.io in namespace {namespace}" in problem.message
    )


async def test_a_template_as_large_and_odd_as_the_api_server_allows(
    kube_client: KubeClient, namespace: str, device_classes: None
) -> None:
    odd = PRODUCT + " || " + " || ".join(["device.driver == '" + "x" * 60 + "'"] * 100)
    selectors = [{"cel": {"expression": odd}}] * 6
    requests = [
        {**one(count=4_000_000_000_000 if place else 1, selectors=selectors), "name": f"gpu-{place}"}
        for place in range(16)
    ]
    await create_template(kube_client, namespace, "odd", *requests)
    template = claiming("odd")
    found = size(H100, template, await read(kube_client, namespace, template))
    assert found.chips is None
    assert "more than 1,000,000 chips" in found.unknown


async def test_a_resource_that_a_device_class_serves(
    kube_client: KubeClient, namespace: str, device_classes: None
) -> None:
    """By the name of the extended resource, which only the DeviceClass says, and by the name of the class."""
    fast = AcceleratorClassSpec(
        vendor="Example", display_name="Fast", device_class_names=("fast.example.com",)
    )
    for resource in ("example.com/fast", "deviceclass.resource.kubernetes.io/fast.example.com"):
        template = {"spec": {"containers": [{"resources": {"limits": {resource: "2"}}}]}}
        reader = ClaimReader(kube_client, time.time)
        claims = await reader.read(namespace, template, fast.device_class_names)
        assert size(fast, template, claims) == ReplicaSize(2, 1)
