"""A real API server that knows our kinds, shared by all tests here; each has a namespace of its own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.errors import ApiError
from poolkeeper.kube.paths import api_path
from tests.integration.control_plane import ROOT, ControlPlane, control_plane


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs real servers."""
    for item in items:
        if "tests/integration" in str(item.path):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The API server; one that does not come up is an error, not a skip."""
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="session")
def crds(api_server: ControlPlane) -> None:
    """The CRDs of the repository, served."""
    asyncio.run(_install(api_server, sorted((ROOT / "crds").glob("*.yaml"))))


@pytest_asyncio.fixture
async def kube_client(api_server: ControlPlane) -> AsyncIterator[KubeClient]:
    """A client that may do anything."""
    async with await api_server.admin_client() as client:
        yield client


@pytest_asyncio.fixture
async def namespace(kube_client: KubeClient) -> str:
    """A fresh namespace; it goes with the API server."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await kube_client.request("POST", api_path("v1", "namespaces"), body=manifest)
    return name


async def _install(api_server: ControlPlane, files: list[Path]) -> None:
    assert files, "crds/ holds no CRDs: run `make generate`"
    async with await api_server.admin_client() as client:
        for file in files:
            for manifest in yaml.safe_load_all(file.read_text()):
                await _install_one(client, manifest)


async def _install_one(client: KubeClient, manifest: dict[str, Any]) -> None:
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    await client.request(
        "PATCH",
        api_path("apiextensions.k8s.io/v1", "customresourcedefinitions", name),
        query=[("fieldManager", "tests"), ("force", "true")],
        body=manifest,
        content_type="application/apply-patch+yaml",
    )
    served = api_path(f"{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"])
    for _ in range(100):
        try:
            await client.request("GET", served)
        except ApiError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"{name} is not served after 10 s")
