"""A stand-in for a DRA driver: a DeviceClass, and the devices of a node in a ResourceSlice.

The real controller manager makes claims of claim templates, and the real scheduler allocates devices to them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hack.testing.kinds import create_if_missing
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path, namespaced_path

Json = dict[str, Any]

API_VERSION = "resource.k8s.io/v1"


async def create_device_class(
    client: KubeClient, name: str = "gpu.nvidia.com", *, driver: str = "", extended_resource: str = ""
) -> None:
    """A class of all devices of a driver, which may also serve requests for an extended resource."""
    expression = f"device.driver == {driver or name!r}"
    spec: Json = {"selectors": [{"cel": {"expression": expression.replace("'", '"')}}]}
    if extended_resource:
        spec["extendedResourceName"] = extended_resource
    manifest = {"kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}
    await create_if_missing(client, API_VERSION, "deviceclasses", manifest)


async def publish_devices(
    client: KubeClient,
    node: str,
    devices: int | Iterable[Json] = 8,
    *,
    driver: str = "gpu.nvidia.com",
    attributes: Mapping[str, str] | None = None,
) -> None:
    """What a driver says that a node has: some equal devices, or these."""
    described = {key: {"string": value} for key, value in (attributes or {"type": "gpu"}).items()}
    if isinstance(devices, int):
        listed = [{"name": f"gpu-{number}", "attributes": described} for number in range(devices)]
    else:
        listed = list(devices)
    spec = {
        "driver": driver,
        "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
        "devices": listed,
    }
    name = f"{node}-{driver}".replace(".", "-")
    found = await client.request("GET", api_path("v1", "nodes", node))
    owner = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": found["metadata"]["uid"]}
    body = {
        "apiVersion": API_VERSION,
        "kind": "ResourceSlice",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": spec,
    }
    await client.request("POST", api_path(API_VERSION, "resourceslices"), body=body)


async def create_claim_template(
    client: KubeClient,
    namespace: str,
    name: str,
    *,
    devices: int = 1,
    device_class: str = "gpu.nvidia.com",
    **request: Any,
) -> None:
    """What each pod that names it gets a claim of its own from."""
    exactly = {"deviceClassName": device_class, "count": devices, **request}
    requests = [{"name": "devices", "exactly": exactly}]
    body = {
        "apiVersion": API_VERSION,
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": {"spec": {"devices": {"requests": requests}}},
    }
    path = namespaced_path(API_VERSION, namespace, "resourceclaimtemplates")
    await client.request("POST", path, body=body)


def claiming(claim_template: str) -> Json:
    """The fields of a pod's spec that ask for a claim of a template; its container names the claim with
    `resources={"claims": [{"name": "chips"}]}`."""
    return {"resourceClaims": [{"name": "chips", "resourceClaimTemplateName": claim_template}]}
