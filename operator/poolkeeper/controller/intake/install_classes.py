"""Keeps the classes that come with the operator applied, while this replica leads."""

import asyncio
import logging

from poolkeeper.api.base import API_VERSION, CLASSES
from poolkeeper.api.catalogue import Figure, catalogue
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.kube.objects.managed_fields import FIELD_MANAGER
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.paths import api_path

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0


async def install_classes(client: KubeClient, leadership: Leads) -> None:
    """Apply every class once; a class whose fields another owner has changed is left as it is."""
    remaining = list(catalogue())
    while remaining:
        try:
            await _apply(client, leadership, remaining[0])
            remaining.pop(0)
        except NotLeading:
            await asyncio.sleep(1.0)
        except (KubeFailure, TimeoutError) as failure:
            logger.warning(
                "Class %s could not be applied: %s", remaining[0]["metadata"]["name"], failure or "timeout"
            )
            await asyncio.sleep(RETRY_SECONDS)


async def _apply(client: KubeClient, leadership: Leads, manifest: Figure) -> None:
    path = api_path(API_VERSION, CLASSES, manifest["metadata"]["name"])
    try:
        async with leadership.writing():
            await client.request(
                "PATCH",
                path,
                query=[("fieldManager", FIELD_MANAGER)],
                body=manifest,
                content_type="application/apply-patch+yaml",
            )
    except ApiError as failure:
        if failure.status != 409:
            raise
        logger.info("Class %s was edited by another client and is not updated", manifest["metadata"]["name"])
