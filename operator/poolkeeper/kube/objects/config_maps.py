"""ConfigMaps in the operator's own namespace: texts that it keeps for itself."""

from collections.abc import Mapping
from typing import NamedTuple

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import NotFound
from poolkeeper.kube.transport.fields import Unreadable, mapping, text
from poolkeeper.kube.transport.listing import list_all
from poolkeeper.kube.transport.paths import namespaced_path


class Kept(NamedTuple):
    """The texts of one ConfigMap, and the resourceVersion that the next write must name."""

    texts: Mapping[str, str]
    version: str


class OwnConfigMaps:
    """The ConfigMaps of one namespace; those that are created get these labels."""

    def __init__(self, client: KubeClient, namespace: str, labels: Mapping[str, str]) -> None:
        self._client = client
        self._namespace = namespace
        self._labels = labels

    async def read(self, name: str) -> Kept | None:
        """A ConfigMap; None where there is none. Raises ApiError, ApiUnreachable."""
        try:
            raw = await self._client.request("GET", self._path(name))
        except NotFound:
            return None
        return _kept(raw)

    async def write(self, name: str, kept: Kept) -> None:
        """Replace this version of a ConfigMap, or create it where the version is empty.

        Raises ApiError (status 409: somebody else was faster), ApiUnreachable.
        """
        metadata = {"name": name, "namespace": self._namespace, "labels": dict(self._labels)}
        if kept.version:
            metadata["resourceVersion"] = kept.version
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(kept.texts)}
        method, path = ("PUT", self._path(name)) if kept.version else ("POST", self._path())
        await self._client.request(method, path, body=body)

    def _path(self, *name: str) -> str:
        return namespaced_path("v1", self._namespace, "configmaps", *name)


async def list_config_maps(client: KubeClient, namespace: str, selector: str) -> list[Kept]:
    """All ConfigMaps of a namespace with these labels. Raises ApiError, ApiUnreachable."""
    path = namespaced_path("v1", namespace, "configmaps")
    found, _ = await list_all(client, path, _kept, query=[("labelSelector", selector)])
    return found


def _kept(raw: Mapping[str, object]) -> Kept:
    """Texts that are none are left out: others may write a ConfigMap too."""
    try:
        data, metadata = mapping(raw.get("data")), mapping(raw.get("metadata"))
        version = text(metadata.get("resourceVersion"))
    except Unreadable:
        return Kept({}, "")
    return Kept({key: value for key, value in data.items() if isinstance(value, str)}, version)
