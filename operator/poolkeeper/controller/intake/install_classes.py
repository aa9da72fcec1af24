"""Keeps the classes that come with the operator applied, while this replica leads."""

import asyncio
import logging

from poolkeeper.api.base import API_VERSION, CLASSES
from poolkeeper.api.catalogue import Figure, catalogue
from poolkeeper.controller.intake.owned_fields import without_fields_of_others
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.kube.objects.managed_fields import FIELD_MANAGER
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.paths import api_path

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
CRD_RETRY_SECONDS = 600.0
NOT_IN_CRD = "field not declared in schema"
"""What the API server says, with status 500, of a field that the CRD does not have."""
ATTEMPTS = 4
"""How often a class is applied where another client edits it at the same time."""
CONFLICT, INVALID = 409, 422


async def install_classes(client: KubeClient, leadership: Leads) -> None:
    """Apply every class once. Fields that another client has set stay, all others are brought up to date.
    Classes with fields that the CRD does not have yet are left as they are, until it has."""
    remaining, unfit = list(catalogue()), list[Figure]()
    while remaining or unfit:
        if not remaining:
            logger.warning(
                "%d classes are not updated, since the CRD of AcceleratorClass is older than the operator: "
                "install the CRDs of this version",
                len(unfit),
            )
            await asyncio.sleep(CRD_RETRY_SECONDS)
            remaining, unfit = unfit, []
        try:
            await _apply(client, leadership, remaining[0])
            remaining.pop(0)
        except NotLeading:
            await asyncio.sleep(1.0)
        except (KubeFailure, TimeoutError) as failure:
            if isinstance(failure, ApiError) and NOT_IN_CRD in failure.message:
                unfit.append(remaining.pop(0))
                continue
            logger.warning(
                "Class %s could not be applied: %s", remaining[0]["metadata"]["name"], failure or "timeout"
            )
            if isinstance(failure, ApiError) and failure.status == INVALID:
                remaining.pop(0)
            else:
                await asyncio.sleep(RETRY_SECONDS)


async def _apply(client: KubeClient, leadership: Leads, manifest: Figure) -> None:
    path = api_path(API_VERSION, CLASSES, manifest["metadata"]["name"])
    ours = manifest
    for _ in range(ATTEMPTS):
        try:
            async with leadership.writing():
                await client.request(
                    "PATCH",
                    path,
                    query=[("fieldManager", FIELD_MANAGER)],
                    body=ours,
                    content_type="application/apply-patch+yaml",
                )
            return
        except ApiError as failure:
            if failure.status != CONFLICT:
                raise
        ours = without_fields_of_others(manifest, await client.request("GET", path))
    logger.info("Class %s is being edited by another client and is not updated", manifest["metadata"]["name"])
