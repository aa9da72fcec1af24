"""A default install with the rights of the chart, while nothing happens: it asks for its lease only."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from hack.testing.control_plane import ROOT, ControlPlane, control_plane
from hack.testing.kinds import create_if_missing, install_kinds
from hack.testing.objects import create_deployment
from hack.testing.operator_process import OperatorProcess, explain
from hack.testing.queue_world import QueueWorld, has_condition
from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path, namespaced_path

SYSTEM = "poolkeeper-system"
IDLE_SECONDS = 20.0
SETTLED_SECONDS = 3.0
"""After which a start, or a new pool, needs nothing more."""
MOST_LEASE_REQUESTS = 2 * IDLE_SECONDS / 2.0 + 4
"""Of a leader and a standby, each every 2 s; a little more where a machine is slow to begin."""
RBAC = "rbac.authorization.k8s.io/v1"
PLURALS = {
    "ServiceAccount": ("v1", "serviceaccounts"),
    "ClusterRole": (RBAC, "clusterroles"),
    "ClusterRoleBinding": (RBAC, "clusterrolebindings"),
    "Role": (RBAC, "roles"),
    "RoleBinding": (RBAC, "rolebindings"),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with no pool but ours, since the operator watches all namespaces."""
    with control_plane(tmp_path_factory.mktemp("idle")) as running:
        asyncio.run(_install(running))
        yield running


@pytest.fixture
async def installed(cluster: ControlPlane, queue: LocalRedis, tmp_path: Path) -> AsyncIterator[QueueWorld]:
    """Two replicas of the operator that have settled, one of which leads."""
    kubeconfig = await service_account(cluster)
    async with await cluster.admin_client() as client:
        world = QueueWorld(client, SYSTEM, cluster, queue, tmp_path)
        for identity in ("first", "second"):
            operator = OperatorProcess(kubeconfig, SYSTEM, tmp_path, identity, watches_everything=True)
            world.operators.append(operator)
            operator.start("--install-classes")
        await eventually(lambda: any(each.is_leading() for each in world.operators), "one leads", 20)
        await asyncio.sleep(SETTLED_SECONDS)
        yield world
        for operator in world.operators:
            operator.stop()


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


async def service_account(cluster: ControlPlane) -> Path:
    """A kubeconfig with the operator's rights."""
    return await cluster.service_account_kubeconfig(SYSTEM, "poolkeeper")


async def requests_while_idle(world: QueueWorld) -> Counter[str]:
    """What the operators ask in the next seconds."""
    log = world.api_server.audit_log
    before = len(log.requests())
    await asyncio.sleep(IDLE_SECONDS)
    return Counter(log.requests()[before:])


def warnings(world: QueueWorld) -> list[str]:
    """What they logged at warning or above since they were started."""
    lines = [line for operator in world.operators for line in operator.log_lines]
    return [str(line) for line in lines if line["level"] not in ("debug", "info")]


async def events_of_type(client: KubeClient, kind: str) -> list[str]:
    """The notes of the events of that type."""
    found = await client.request("GET", namespaced_path("v1", SYSTEM, "events"))
    return [event["message"] for event in found["items"] if event["type"] == kind]


async def _install(cluster: ControlPlane) -> None:
    """What `kubectl apply --kustomize deploy` brings, but for the pods."""
    async with await cluster.admin_client() as client:
        await install_kinds(client)
        namespace = yaml.safe_load((ROOT / "deploy" / "namespace.yaml").read_text())
        await create_if_missing(client, "v1", "namespaces", namespace)
        for manifest in yaml.safe_load_all((ROOT / "deploy" / "rbac.yaml").read_text()):
            if manifest["kind"] not in PLURALS:
                continue
            version, plural = PLURALS[manifest["kind"]]
            place = manifest["metadata"].get("namespace")
            path = namespaced_path(version, place, plural) if place else api_path(version, plural)
            await client.request("POST", path, body=manifest)
