"""Poolkeeper's kinds on an API server that does not know them yet, and objects without a namespace."""

from collections.abc import Mapping
from typing import Any

import yaml

from hack.testing.control_plane import ROOT
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path

CONFLICT = 409


async def install_kinds(client: KubeClient) -> None:
    """Creates the CRDs that are missing and returns once all kinds are served."""
    files = sorted((ROOT / "crds").glob("*.yaml"))
    assert files, "crds/ holds no CRDs: run `make generate`"
    for file in files:
        for crd in yaml.safe_load_all(file.read_text()):
            await create_if_missing(client, "apiextensions.k8s.io/v1", "customresourcedefinitions", crd)

    async def are_served() -> bool:
        try:
            for plural in ("acceleratorclasses", "acceleratorpools", "acceleratorquotas"):
                await client.request("GET", api_path(API_VERSION, plural))
        except ApiError:
            return False
        return True

    await eventually(are_served, "the kinds are served", 20)


async def create_class(client: KubeClient, name: str = "test-cpu", start_seconds: int = 2) -> None:
    """Creates an AcceleratorClass without hardware, unless one has that name."""
    spec = {
        "vendor": "None",
        "displayName": "CPU",
        "nodeTailSeconds": 0,
        "expectedStartSeconds": start_seconds,
    }
    manifest = {"kind": "AcceleratorClass", "metadata": {"name": name}, "spec": spec}
    await create_if_missing(client, API_VERSION, "acceleratorclasses", manifest)


async def create_if_missing(
    client: KubeClient, api_version: str, plural: str, manifest: Mapping[str, Any]
) -> None:
    """Creates one object that belongs to no namespace, unless it is there."""
    try:
        await create(client, api_version, plural, manifest)
    except ApiError as failure:
        if failure.status != CONFLICT:
            raise


async def create(client: KubeClient, api_version: str, plural: str, manifest: Mapping[str, Any]) -> None:
    """Creates one object that belongs to no namespace."""
    await client.request("POST", api_path(api_version, plural), body={**manifest, "apiVersion": api_version})
