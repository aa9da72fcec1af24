"""Deleting the CRD deletes all pools, and touches none of their targets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.testing.control_plane import control_plane
from hack.testing.kinds import create_class, install_kinds
from hack.testing.queue_world import QueueWorld, has_condition
from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path

CRD = "acceleratorpools.poolkeeper.dev"


@pytest.fixture
async def lone_world(queue: LocalRedis, tmp_path: Path) -> AsyncIterator[QueueWorld]:
    """An API server of the test's own, since all others lose their pools with the CRD."""
    with control_plane(tmp_path) as api_server:
        async with await api_server.admin_client() as client:
            await install_kinds(client)
            await create_class(client)
            world = QueueWorld(
                client=client, namespace="default", api_server=api_server, queue=queue, folder=tmp_path
            )
            yield world
            for operator in world.operators:
                operator.stop()


async def test_deleting_the_crd_touches_no_target(lone_world: QueueWorld) -> None:
    await lone_world.target(replicas=2)
    await lone_world.create_pool(replicas={"min": 2, "max": 2})
    operator = lone_world.operator()
    operator.start()
    await has_condition(lone_world, "Ready", "True")
    path = api_path("apiextensions.k8s.io/v1", "customresourcedefinitions", CRD)
    await lone_world.client.request("DELETE", path)

    async def is_gone() -> bool:
        try:
            await lone_world.client.request("GET", path)
        except ApiError as failure:
            return failure.status == 404
        return False

    await eventually(is_gone, "the CRD is gone; nothing blocks it", 20)
    await asyncio.sleep(5)
    assert await lone_world.replicas() == 2
    # The process has ended with its watch; the kubelet would start it again.
    operator.stop()
    await install_kinds(lone_world.client)
    await lone_world.create_pool(replicas={"min": 2, "max": 2})
    operator.start()
    await has_condition(lone_world, "Ready", "True")
