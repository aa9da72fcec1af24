"""Our kinds on an API server that knows nothing of them yet."""

from typing import Any

import yaml

from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.errors import ApiError
from poolkeeper.kube.paths import api_path
from tests.integration.control_plane import ROOT
from tests.integration.operator.world import eventually


async def install_kinds(client: KubeClient) -> None:
    """Creates the CRDs and returns once they are served."""
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        for crd in yaml.safe_load_all(file.read_text()):
            await create(client, "apiextensions.k8s.io/v1", "customresourcedefinitions", crd)

    async def are_served() -> bool:
        try:
            for plural in ("acceleratorclasses", "acceleratorpools"):
                await client.request("GET", api_path(API_VERSION, plural))
        except ApiError:
            return False
        return True

    await eventually(are_served, "the kinds are served")


async def create(client: KubeClient, api_version: str, plural: str, manifest: dict[str, Any]) -> None:
    """Creates one object that belongs to no namespace."""
    await client.request("POST", api_path(api_version, plural), body={**manifest, "apiVersion": api_version})
