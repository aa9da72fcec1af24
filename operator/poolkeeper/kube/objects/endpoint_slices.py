"""EndpointSlices that add activators to the endpoints of a Service.

A slice holds everything that a restarted controller must know: its pool, and which activator port stands for
which port of the Service. The pool owns its slices, so Kubernetes deletes them with the pool.
"""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from poolkeeper.api.base import API_VERSION
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.managed_fields import FIELD_MANAGER
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import NotFound
from poolkeeper.kube.transport.fields import entries, labels, mapping, number, readable, required, text, texts
from poolkeeper.kube.transport.listing import list_in
from poolkeeper.kube.transport.paths import namespaced_path

DISCOVERY = "discovery.k8s.io/v1"
MANAGED_BY = "activator.poolkeeper.dev"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
_SERVICE_LABEL = "kubernetes.io/service-name"
_POOL_KIND = "AcceleratorPool"


async def list_slices(client: KubeClient, namespaces: Iterable[str] = ()) -> list[ActivatorSlice]:
    """All slices made by this operator, in these namespaces or in all. Raises ApiError, ApiUnreachable."""
    query = (("labelSelector", f"{MANAGED_BY_LABEL}={MANAGED_BY}"),)
    listed = await list_in(client, namespaces, DISCOVERY, "endpointslices", query=query)
    return [each for each in readable(listed, project_slice) if each is not None]


async def ready_pod_uids(client: KubeClient, namespace: str, service: str) -> set[str]:
    """The uids of the pods that are ready endpoints of a Service. Raises ApiError, ApiUnreachable."""
    selector = f"{_SERVICE_LABEL}={service},{MANAGED_BY_LABEL}!={MANAGED_BY}"
    path = namespaced_path(DISCOVERY, namespace, "endpointslices")
    listed = await client.request("GET", path, query=(("labelSelector", selector),))
    return set[str]().union(*readable(listed.get("items"), project_ready_uids))


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
    with contextlib.suppress(NotFound):
        await client.request("DELETE", path)


def project_ready_uids(raw: Mapping[str, Any]) -> set[str]:
    """The uids of the pods that are ready in a slice; no condition means ready. Raises Unreadable."""
    return {
        uid
        for each in entries(raw.get("endpoints"))
        if mapping(each.get("conditions")).get("ready") in (None, True)
        and (uid := text(mapping(each.get("targetRef")).get("uid")))
    }


def project_slice(raw: Mapping[str, Any]) -> ActivatorSlice | None:
    """The projection of a slice made by this operator; None where no pool owns it. Raises Unreadable."""
    metadata = mapping(raw.get("metadata"))
    owners = [each for each in entries(metadata.get("ownerReferences")) if each.get("kind") == _POOL_KIND]
    if not owners:
        return None
    endpoints, ports = entries(raw.get("endpoints")), entries(raw.get("ports"))
    return ActivatorSlice(
        pool=PoolKey(required(text(metadata.get("namespace"))), required(text(owners[0].get("name")))),
        pool_uid=required(text(owners[0].get("uid"))),
        service=labels(metadata.get("labels")).get(_SERVICE_LABEL, ""),
        family=required(text(raw.get("addressType"))),
        addresses=tuple(address for each in endpoints for address in texts(each.get("addresses"))),
        ports=tuple((text(port.get("name")), required(number(port.get("port")))) for port in ports),
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
