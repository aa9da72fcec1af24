"""EndpointSlices that add activators to the endpoints of a Service.

A slice holds everything that a restarted controller must know: its pool, and which activator port stands for
which port of the Service. The pool owns its slices, so Kubernetes deletes them with the pool.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from poolkeeper.api.base import API_VERSION
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.listing import list_in
from poolkeeper.kube.transport.paths import namespaced_path

DISCOVERY = "discovery.k8s.io/v1"
MANAGED_BY = "activator.poolkeeper.dev"
FIELD_MANAGER = "poolkeeper"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
_SERVICE_LABEL = "kubernetes.io/service-name"
_POOL_KIND = "AcceleratorPool"


async def list_slices(client: KubeClient, namespaces: Iterable[str] = ()) -> list[ActivatorSlice]:
    """All slices made by this operator, in these namespaces or in all. Raises ApiError, ApiUnreachable."""
    query = (("labelSelector", f"{MANAGED_BY_LABEL}={MANAGED_BY}"),)
    listed = await list_in(client, namespaces, DISCOVERY, "endpointslices", query=query)
    return [each for raw in listed if (each := project_slice(raw)) is not None]


async def ready_pod_uids(client: KubeClient, namespace: str, service: str) -> set[str]:
    """The uids of the pods that are ready endpoints of a Service. Raises ApiError, ApiUnreachable."""
    selector = f"{_SERVICE_LABEL}={service},{MANAGED_BY_LABEL}!={MANAGED_BY}"
    path = namespaced_path(DISCOVERY, namespace, "endpointslices")
    listed = await client.request("GET", path, query=(("labelSelector", selector),))
    return {
        each["targetRef"]["uid"]
        for raw in listed["items"]
        for each in raw.get("endpoints") or ()
        if (each.get("conditions") or {}).get("ready", True) and "uid" in (each.get("targetRef") or {})
    }


async def put_slice(client: KubeClient, wanted: ActivatorSlice) -> None:
    """Create the slice, or replace its content. Raises ApiError, ApiUnreachable."""
    path = namespaced_path(DISCOVERY, wanted.pool.namespace, "endpointslices", wanted.name)
    await client.request(
        "PATCH",
        path,
        query=(("fieldManager", FIELD_MANAGER), ("force", "true")),
        body=_manifest(wanted),
        content_type="application/apply-patch+yaml",
    )


async def delete_slice(client: KubeClient, unwanted: ActivatorSlice) -> None:
    """Delete a slice; one that does not exist is no error. Raises ApiError, ApiUnreachable."""
    path = namespaced_path(DISCOVERY, unwanted.pool.namespace, "endpointslices", unwanted.name)
    try:
        await client.request("DELETE", path)
    except ApiError as failure:
        if failure.status != 404:
            raise


def project_slice(raw: Mapping[str, Any]) -> ActivatorSlice | None:
    """The projection of a slice made by this operator; None where no pool owns it."""
    metadata = raw["metadata"]
    owners = [owner for owner in metadata.get("ownerReferences") or () if owner["kind"] == _POOL_KIND]
    if not owners:
        return None
    return ActivatorSlice(
        pool=PoolKey(metadata["namespace"], owners[0]["name"]),
        pool_uid=owners[0]["uid"],
        service=(metadata.get("labels") or {}).get(_SERVICE_LABEL, ""),
        family=raw["addressType"],
        addresses=tuple(address for each in raw.get("endpoints") or () for address in each["addresses"]),
        ports=tuple((port.get("name") or "", port["port"]) for port in raw.get("ports") or ()),
    )


def _manifest(wanted: ActivatorSlice) -> dict[str, Any]:
    owner = {"apiVersion": API_VERSION, "kind": _POOL_KIND, "name": wanted.pool.name, "uid": wanted.pool_uid}
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {
        "apiVersion": DISCOVERY,
        "kind": "EndpointSlice",
        "metadata": {
            "name": wanted.name,
            "namespace": wanted.pool.namespace,
            "labels": {_SERVICE_LABEL: wanted.service, MANAGED_BY_LABEL: MANAGED_BY},
            "ownerReferences": [owner],
        },
        "addressType": wanted.family,
        "endpoints": [{"addresses": [address], "conditions": conditions} for address in wanted.addresses],
        "ports": [{"name": name, "port": port, "protocol": "TCP"} for name, port in wanted.ports],
    }
