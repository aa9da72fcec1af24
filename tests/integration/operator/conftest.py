"""A world for each test, and the end of every operator that it started."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path
from tests.integration.control_plane import ControlPlane
from tests.integration.operator.world import World
from tests.integration.redis.servers import LocalRedis

CLASS = {
    "apiVersion": API_VERSION,
    "kind": "AcceleratorClass",
    "metadata": {"name": "test-cpu"},
    "spec": {"vendor": "None", "displayName": "CPU", "nodeTailSeconds": 0, "expectedStartSeconds": 2},
}


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[LocalRedis]:
    """A Redis server of the test's own."""
    server = LocalRedis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def world(
    api_server: ControlPlane,
    crds: None,
    kube_client: KubeClient,
    namespace: str,
    queue: LocalRedis,
    tmp_path: Path,
) -> AsyncIterator[World]:
    """A namespace with a queue; every operator that a test starts is ended with it."""
    await _ensure_class(kube_client)
    made = World(kube_client, namespace, api_server, queue, tmp_path, [])
    yield made
    for operator in made.operators:
        operator.stop()


async def _ensure_class(client: KubeClient) -> None:
    try:
        await client.request("POST", api_path(API_VERSION, "acceleratorclasses"), body=CLASS)
    except ApiError as failure:
        if failure.status != 409:
            raise
