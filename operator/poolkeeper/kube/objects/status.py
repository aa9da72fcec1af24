"""The status of pools and of other kinds of ours: written whole, by the replica that leads."""

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
    """The same as `replace_status`, for a pool."""
    path = namespaced_path(API_VERSION, pool.namespace, POOLS, pool.name, "status")
    return await replace_status(client, path, uid, status)


async def replace_status(
    client: KubeClient, path: str, uid: str, status: Mapping[str, Any]
) -> ApiError | None:
    """Set the whole status of the object that has this uid; None also where that object no longer exists.

    `path` is that of its subresource `status`. A failure that a repetition can't mend is returned, not
    raised: the status violates the schema or the name belongs to another object now (both 422), or too many
    others write at once (409). Raises ApiError, ApiUnreachable.
    """
    # A merge patch would keep fields that the new status leaves out.
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]
    try:
        await client.request("PATCH", path, body=patch, content_type="application/json-patch+json")
    except NotFound:
        return None
    except ApiError as failure:
        if failure.status in (409, 422):
            return failure
        raise
    return None
