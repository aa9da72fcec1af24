"""A world for each test, and the end of every operator that it started."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hack.testing.control_plane import ControlPlane
from hack.testing.kinds import create_class
from hack.testing.queue_world import QueueWorld
from hack.testing.redis_server import LocalRedis
from poolkeeper.kube.transport.client import KubeClient


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
) -> AsyncIterator[QueueWorld]:
    """A namespace with a queue; every operator that a test starts is ended with it."""
    await create_class(kube_client)
    made = QueueWorld(
        client=kube_client, namespace=namespace, api_server=api_server, queue=queue, folder=tmp_path
    )
    yield made
    for operator in made.operators:
        operator.stop()
