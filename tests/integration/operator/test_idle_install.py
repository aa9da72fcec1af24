"""A default install with the rights of the chart, while nothing happens: it asks for its lease only."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hack.testing.control_plane import ControlPlane
from hack.testing.default_install import (
    SETTLED_SECONDS,
    SYSTEM,
    installed_cluster,
    service_account,
    two_replicas,
    warnings,
)
from hack.testing.objects import create_deployment
from hack.testing.operator_process import explain
from hack.testing.queue_world import QueueWorld, has_condition
from hack.testing.redis_server import LocalRedis
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

IDLE_SECONDS = 20.0
MOST_LEASE_REQUESTS = 2 * IDLE_SECONDS / 2.0 + 4
"""Of a leader and a standby, each every 2 s; a little more where a machine is slow to begin."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with no pool but ours, since the operator watches all namespaces."""
    with installed_cluster(tmp_path_factory.mktemp("idle")) as running:
        yield running


@pytest.fixture
async def installed(cluster: ControlPlane, queue: LocalRedis, tmp_path: Path) -> AsyncIterator[QueueWorld]:
    """Two replicas of the operator that have settled, one of which leads."""
    async with two_replicas(cluster, queue, tmp_path) as world:
        yield world


async def test_an_idle_install_asks_for_its_lease_only_and_warns_of_nothing(installed: QueueWorld) -> None:
    asked = await requests_while_idle(installed)
    assert {request.rpartition(" ")[2].split("/")[-2] for request in asked} == {"leases"}, asked
    assert asked.total() <= MOST_LEASE_REQUESTS, asked
    assert warnings(installed) == []
    assert sum("The leader is pod" in each.log_text for each in installed.operators) == 1


async def test_an_idle_pool_adds_no_request_and_can_be_explained(
    installed: QueueWorld,
) -> None:
    await create_deployment(installed.client, SYSTEM)
    await installed.create_pool(accelerator={"class": "cpu"})
    await has_condition(installed, "Ready", "True")
    await asyncio.sleep(SETTLED_SECONDS)
    asked = await requests_while_idle(installed)
    assert {request for request in asked if "/leases" not in request} == set(), asked
    assert warnings(installed) == []
    assert await events_of_type(installed.client, "Warning") == []
    assert "Now: 0 replicas" in explain(await service_account(installed.api_server), f"{SYSTEM}/pool")


async def requests_while_idle(world: QueueWorld) -> Counter[str]:
    """What the operators ask in the next seconds."""
    log = world.api_server.audit_log
    before = len(log.requests())
    await asyncio.sleep(IDLE_SECONDS)
    return Counter(log.requests()[before:])


async def events_of_type(client: KubeClient, kind: str) -> list[str]:
    """The notes of the events of that type."""
    found = await client.request("GET", namespaced_path("v1", SYSTEM, "events"))
    return [event["message"] for event in found["items"] if event["type"] == kind]
