"""Our kinds on an API server that does not know them, or not any more."""

from typing import Any

import yaml

from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path
from tests.integration.control_plane import ROOT
from tests.integration.operator.world import eventually


async def install_kinds(client: KubeClient) -> None:
    """Creates the CRDs that are missing and returns once all are served."""
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        for crd in yaml.safe_load_all(file.read_text()):
            await _create_unless_there(client, crd)

    async def are_served() -> bool:
        try:
            for plural in ("acceleratorclasses", "acceleratorpools"):
                await client.request("GET", api_path(API_VERSION, plural))
        except ApiError:
            return False
        return True

    await eventually(are_served, "the kinds are served")


async def _create_unless_there(client: KubeClient, crd: dict[str, Any]) -> None:
    try:
        await create(client, "apiextensions.k8s.io/v1", "customresourcedefinitions", crd)
    except ApiError as failure:
        if failure.status != 409:
            raise


async def create(client: KubeClient, api_version: str, plural: str, manifest: dict[str, Any]) -> None:
    """Creates one object that belongs to no namespace."""
    await client.request("POST", api_path(api_version, plural), body={**manifest, "apiVersion": api_version})
