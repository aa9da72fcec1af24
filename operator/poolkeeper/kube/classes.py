"""Keeps the catalogue's AcceleratorClasses up to date, and its hands off what others have made of them."""

from collections.abc import Iterable

from poolkeeper.api.base import API_VERSION
from poolkeeper.api.kinds import ACCELERATOR_CLASS
from poolkeeper.kube.client import JsonObject, KubeClient
from poolkeeper.kube.errors import ApiError
from poolkeeper.kube.paths import api_path

FIELD_MANAGER = "poolkeeper-catalogue"


async def install_classes(client: KubeClient, manifests: Iterable[JsonObject]) -> list[str]:
    """Applies each class on the server's side; returns the names of those that were left as they are, because
    somebody else has set a field to something else. Raises ApiError, ApiUnreachable.
    """
    left_alone = []
    for manifest in manifests:
        name = manifest["metadata"]["name"]
        try:
            await client.request(
                "PATCH",
                api_path(API_VERSION, ACCELERATOR_CLASS.plural, name),
                query=(("fieldManager", FIELD_MANAGER),),
                body=manifest,
                content_type="application/apply-patch+yaml",
            )
        except ApiError as refusal:
            if refusal.status != 409:
                raise
            left_alone.append(name)
    return left_alone
