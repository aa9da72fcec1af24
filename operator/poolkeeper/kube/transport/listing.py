"""Whole collections, read in pages: of some namespaces, or of all."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from poolkeeper.kube.transport.client import JsonObject, KubeClient, Query
from poolkeeper.kube.transport.fields import mapping, readable, text
from poolkeeper.kube.transport.paths import api_path, namespaced_path

Item = TypeVar("Item")


class Paging(NamedTuple):
    """How many objects one answer holds (kubectl asks for 500 too), and the time limit of each answer."""

    size: int = 500
    timeout_seconds: float = 30.0


PAGING = Paging()


async def list_all(
    client: KubeClient,
    path: str,
    project: Callable[[Mapping[str, Any]], Item],
    *,
    query: Query = (),
    paging: Paging = PAGING,
) -> tuple[list[Item], str]:
    """All items of one collection that can be read, projected page by page, and the version to watch from.

    Raises ApiUnreachable, ApiError (status 410: the list took too long and must be begun again).
    """
    items: list[Item] = []
    token = ""
    while True:
        paged = [*query, ("limit", paging.size), *((("continue", token),) if token else ())]
        page = await client.request("GET", path, query=paged, timeout_seconds=paging.timeout_seconds)
        items.extend(readable(page.get("items"), project))
        metadata = mapping(page.get("metadata"))
        token = text(metadata.get("continue"))
        if not token:
            return items, text(metadata.get("resourceVersion"))


async def list_in(
    client: KubeClient, namespaces: Iterable[str], api_version: str, plural: str, *, query: Query = ()
) -> list[JsonObject]:
    """All objects of a kind in these namespaces, or in the whole cluster where none is named.

    Raises ApiError, ApiUnreachable.
    """
    paths = [namespaced_path(api_version, namespace, plural) for namespace in namespaces]
    found: list[JsonObject] = []
    for path in paths or [api_path(api_version, plural)]:
        items, _ = await list_all(client, path, dict, query=query)
        found += items
    return found
