"""A real API server that knows our kinds, shared by all tests here; each has a namespace of its own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from hack.testing import nodes as pretended_nodes
from hack.testing.control_plane import ControlPlane, control_plane
from hack.testing.kinds import install_kinds
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path


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
    asyncio.run(_install(api_server))


@pytest.fixture(scope="session")
def controllers(api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Deployments get pods, and pods get nodes where there are any."""
    with pretended_nodes.controllers(api_server, tmp_path_factory.mktemp("controllers")):
        yield


@pytest.fixture(scope="session")
def nodes(
    api_server: ControlPlane, controllers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Two nodes with accelerators that exist on paper only; pods on them become ready after a second."""
    with pretended_nodes.pretended_kubelets(api_server, tmp_path_factory.mktemp("kwok")):
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
            await pretended_nodes.create_node(client, name)


async def _install(api_server: ControlPlane) -> None:
    async with await api_server.admin_client() as client:
        await install_kinds(client)
