"""AcceleratorQuotas as the API server sends them, and their status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.api.base import API_VERSION, QUOTAS
from poolkeeper.kube.objects.status import replace_status
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.fields import mapping, number, required, text
from poolkeeper.kube.transport.paths import api_path

QUOTAS_PATH = api_path(API_VERSION, QUOTAS)


@dataclass(frozen=True, slots=True)
class QuotaObject:
    """One AcceleratorQuota; its spec is not checked yet."""

    name: str
    uid: str
    generation: int
    spec: Mapping[str, Any]
    status: Mapping[str, Any]


def project_quota(raw: Mapping[str, Any]) -> QuotaObject:
    """The projection of a quota's JSON. Raises Unreadable."""
    metadata = mapping(raw.get("metadata"))
    return QuotaObject(
        name=required(text(metadata.get("name"))),
        uid=required(text(metadata.get("uid"))),
        generation=number(metadata.get("generation")),
        spec=mapping(raw.get("spec")),
        status=mapping(raw.get("status")),
    )


async def write_quota_status(
    client: KubeClient, name: str, uid: str, status: Mapping[str, Any]
) -> ApiError | None:
    """The same as `replace_status`, for a quota."""
    return await replace_status(client, api_path(API_VERSION, QUOTAS, name, "status"), uid, status)
