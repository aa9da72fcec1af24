"""A real API server that knows our kinds, shared by all tests here; each has a namespace of its own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path
from tests.integration import fleet
from tests.integration.control_plane import ROOT, ControlPlane, control_plane


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs real servers; what starts controllers goes last, since from then on
    every Deployment gets pods."""
    places = [place for place, item in enumerate(items) if "tests/integration" in str(item.path)]
    ours = sorted((items[place] for place in places), key=_needs_controllers)
    for place, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.integration)
        items[place] = item


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The API server; one that does not come up is an error, not a skip."""
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="session")
def crds(api_server: ControlPlane) -> None:
    """The CRDs of the repository, served."""
    asyncio.run(_install(api_server, sorted((ROOT / "crds").glob("*.yaml"))))


@pytest.fixture(scope="session")
def controllers(api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Deployments get pods, and pods get nodes where there are any."""
    with fleet.controllers(api_server, tmp_path_factory.mktemp("controllers")):
        yield


@pytest.fixture(scope="session")
def nodes(
    api_server: ControlPlane, controllers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Two nodes with accelerators that exist on paper only; pods on them become ready after a second."""
    with fleet.pretended_kubelets(api_server, tmp_path_factory.mktemp("kwok")):
        asyncio.run(_create_nodes(api_server))
        yield


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


def _needs_controllers(item: pytest.Item) -> bool:
    return "controllers" in getattr(item, "fixturenames", ())


async def _create_nodes(api_server: ControlPlane) -> None:
    async with await api_server.admin_client() as client:
        for name in ("node-a", "node-b"):
            await fleet.create_node(client, name)


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
