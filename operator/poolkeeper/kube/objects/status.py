"""The status of pools: written whole, by the replica that leads."""

from collections.abc import Mapping
from typing import Any

from poolkeeper.api.base import API_VERSION, POOLS
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, NotFound
from poolkeeper.kube.transport.paths import namespaced_path


async def write_status(
    client: KubeClient, pool: PoolKey, uid: str, status: Mapping[str, Any]
) -> ApiError | None:
    """Set the whole status of the pool that has this uid; None also where that pool no longer exists.

    A failure that a repetition can't mend is returned, not raised: the status violates the schema or the
    name belongs to another pool now (both 422), or too many others write at once (409).
    Raises ApiError, ApiUnreachable.
    """
    # A merge patch would keep fields that the new status leaves out.
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]
    path = namespaced_path(API_VERSION, pool.namespace, POOLS, pool.name, "status")
    try:
        await client.request("PATCH", path, body=patch, content_type="application/json-patch+json")
    except NotFound:
        return None
    except ApiError as failure:
        if failure.status in (409, 422):
            return failure
        raise
    return None
