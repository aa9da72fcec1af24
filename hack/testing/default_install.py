"""The operator with the rights and flags of a default install, as processes against a real API server.

It is what `kubectl apply --kustomize deploy` brings, but for the pods: two replicas, no activator.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import yaml

from hack.testing.control_plane import ROOT, ControlPlane, control_plane
from hack.testing.kinds import create_if_missing, install_kinds
from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld
from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path, namespaced_path

SYSTEM = "poolkeeper-system"
SETTLED_SECONDS = 3.0
"""After which a start, or a new pool, needs nothing more."""
RBAC = "rbac.authorization.k8s.io/v1"
PLURALS = {
    "ServiceAccount": ("v1", "serviceaccounts"),
    "ClusterRole": (RBAC, "clusterroles"),
    "ClusterRoleBinding": (RBAC, "clusterrolebindings"),
    "Role": (RBAC, "roles"),
    "RoleBinding": (RBAC, "rolebindings"),
}


@contextmanager
def installed_cluster(folder: Path) -> Iterator[ControlPlane]:
    """An API server with no pool but ours, since the operator watches all namespaces."""
    with control_plane(folder) as running:
        asyncio.run(_install(running))
        yield running


@asynccontextmanager
async def two_replicas(cluster: ControlPlane, queue: LocalRedis, folder: Path) -> AsyncIterator[QueueWorld]:
    """Two replicas of the operator that have settled, one of which leads."""
    kubeconfig = await service_account(cluster)
    async with await cluster.admin_client() as client:
        world = QueueWorld(client, SYSTEM, cluster, queue, folder)
        try:
            for identity in ("first", "second"):
                operator = OperatorProcess(kubeconfig, SYSTEM, folder, identity, watches_everything=True)
                world.operators.append(operator)
                operator.start("--install-classes")
            await eventually(lambda: any(each.is_leading() for each in world.operators), "one leads", 20)
            await asyncio.sleep(SETTLED_SECONDS)
            yield world
        finally:
            for operator in world.operators:
                operator.stop()


async def service_account(cluster: ControlPlane) -> Path:
    """A kubeconfig with the operator's rights."""
    return await cluster.service_account_kubeconfig(SYSTEM, "poolkeeper")


def warnings(world: QueueWorld) -> Sequence[str]:
    """What the replicas logged at warning or above since they were started."""
    lines = [line for operator in world.operators for line in operator.log_lines]
    return [str(line) for line in lines if line["level"] not in ("debug", "info")]


async def _install(cluster: ControlPlane) -> None:
    async with await cluster.admin_client() as client:
        await install_kinds(client)
        namespace = yaml.safe_load((ROOT / "deploy" / "namespace.yaml").read_text())
        await create_if_missing(client, "v1", "namespaces", namespace)
        for manifest in yaml.safe_load_all((ROOT / "deploy" / "rbac.yaml").read_text()):
            if manifest["kind"] in PLURALS:
                await _create(client, manifest)


async def _create(client: KubeClient, manifest: dict[str, Any]) -> None:
    version, plural = PLURALS[manifest["kind"]]
    place = manifest["metadata"].get("namespace")
    path = namespaced_path(version, place, plural) if place else api_path(version, plural)
    await client.request("POST", path, body=manifest)
