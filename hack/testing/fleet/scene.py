"""Where a test of a fleet begins: a namespace with a queue and nodes of its own, and an operator."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hack.testing.control_plane import ControlPlane
from hack.testing.default_install import SYSTEM, installed_cluster, service_account
from hack.testing.fleet import groups, kinds_beside
from hack.testing.fleet.capacity import Capacity
from hack.testing.fleet.events import open_gates
from hack.testing.kinds import CONFLICT, create
from hack.testing.nodes import controllers, pretended_kubelets
from hack.testing.objects import patch
from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld
from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import JsonObject
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path, namespaced_path

Json = dict[str, Any]

RBAC = "rbac.authorization.k8s.io/v1"
MORE_TARGETS = {
    "apiGroups": ["leaderworkerset.x-k8s.io"],
    "resources": ["leaderworkersets", "leaderworkersets/scale"],
    "verbs": ["get", "update"],
}
"""What the chart grants beside a default install where its value `targets` names LeaderWorkerSets."""
LEASE_SECONDS = 40
PATIENCE_SECONDS = 40.0
"""For anything that takes a few rounds of real controllers on a busy machine."""


@dataclass
class Fleet:
    """What all scenes share: one control plane with controllers, and one operator for all namespaces."""

    api_server: ControlPlane
    operator: OperatorProcess


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """A fleet without nodes, with the rights of a default install and the classes of the catalogue."""
    with ExitStack() as running:
        cluster = running.enter_context(installed_cluster(_made(folder / "control-plane")))
        running.enter_context(controllers(cluster, _made(folder / "controllers")))
        kubelets = pretended_kubelets(cluster, _made(folder / "kwok"), LEASE_SECONDS)
        running.enter_context(kubelets)
        kubeconfig = asyncio.run(_prepared(cluster))
        operator = OperatorProcess(kubeconfig, SYSTEM, folder, "operator", watches_everything=True)
        running.callback(operator.stop)
        operator.start("--install-classes")
        yield Fleet(cluster, operator)


@dataclass
class Scene(QueueWorld):
    """One test's namespace. `nodes` makes its nodes; LeaderWorkerSets get their pods; what it created is
    gone after it."""

    nodes: Capacity = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = Capacity(self.client, self.namespace[-5:])

    async def apply(self, manifest: Mapping[str, Any]) -> JsonObject:
        """Creates one object of the manifest's kind in the namespace."""
        path = self.objects(manifest["apiVersion"], _plural(manifest["kind"]))
        return await self.client.request("POST", path, body=dict(manifest))

    async def publish(self, manifests: str) -> None:
        """Creates the objects of a file as people publish them; QUEUE in it is the address of the queue."""
        for manifest in yaml.safe_load_all(manifests.replace("QUEUE", self.queue.address)):
            await self.apply(manifest)

    async def deploy(self, name: str, template: Json, replicas: int = 0) -> JsonObject:
        """A Deployment of a pod template that has labels."""
        spec = {"replicas": replicas, "selector": _selector(template), "template": template}
        metadata = {"name": name}
        return await self.apply(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        )

    async def deploy_ranks(self, name: str, template: Json, replicas: int = 0) -> JsonObject:
        """A StatefulSet whose pods start side by side."""
        spec = {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": _selector(template),
            "template": template,
        }
        metadata = {"name": name}
        return await self.apply(
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
        )

    async def deploy_groups(
        self,
        name: str,
        worker: Json,
        size: int,
        *,
        leader: Json | None = None,
        replicas: int = 0,
        **group: Any,
    ) -> JsonObject:
        """A LeaderWorkerSet whose groups have `size` pods; `group` are more fields of them."""
        template: Json = {"size": size, "workerTemplate": worker, **group}
        if leader is not None:
            template["leaderTemplate"] = leader
        spec = {"replicas": replicas, "leaderWorkerTemplate": template}
        metadata = {"name": name}
        return await self.apply(
            {"apiVersion": groups.API_VERSION, "kind": "LeaderWorkerSet", "metadata": metadata, "spec": spec}
        )

    async def limit(self, name: str, hard: Mapping[str, str]) -> None:
        """A ResourceQuota of any resources, in force when this returns; written again, it is changed."""
        path = self.objects("v1", "resourcequotas")
        spec = {"spec": {"hard": dict(hard)}}
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, **spec}
        try:
            await self.client.request("POST", path, body=body)
        except ApiError as failure:
            if failure.status != CONFLICT:
                raise
            await patch(self.client, f"{path}/{name}", spec)

        async def is_in_force() -> bool:
            quota = await self.client.request("GET", f"{path}/{name}")
            return bool((quota.get("status") or {}).get("hard") == dict(hard))

        await eventually(is_in_force, f"quota {name} is counted", PATIENCE_SECONDS)

    async def hurry(self, app: str) -> None:
        """Makes the controller of a Deployment's pods try again now, instead of after its growing pauses."""
        path = self.objects("apps/v1", "replicasets")
        found = await self.client.request("GET", path, query=(("labelSelector", f"app={app}"),))
        for each in found["items"]:
            metadata = {"annotations": {"fleet.test/tried": uuid.uuid4().hex}}
            await patch(self.client, f"{path}/{each['metadata']['name']}", {"metadata": metadata})

    async def pods(self, selector: str = "") -> list[JsonObject]:
        """The namespace's pods that a selector matches, without those that are being deleted."""
        query = (("labelSelector", selector),) if selector else ()
        found = await self.client.request("GET", self.objects("v1", "pods"), query=query)
        return [pod for pod in found["items"] if not pod["metadata"].get("deletionTimestamp")]

    async def ready_pods(self, selector: str = "") -> int:
        """How many of these pods are Ready."""
        return sum(map(groups.is_ready, await self.pods(selector)))

    async def open_gates(self, selector: str = "") -> None:
        """Opens the scheduling gates of these pods."""
        for pod in await self.pods(selector):
            await open_gates(self.client, pod)

    async def replicas_of(self, kind: str, name: str) -> int:
        """The replicas in the spec of a target of any kind that is known here."""
        path = f"{self.objects(API_VERSIONS[kind], _plural(kind))}/{name}"
        return int((await self.client.request("GET", path))["spec"].get("replicas", 0))

    async def set_replicas(self, kind: str, name: str, replicas: int) -> None:
        """Scales a target as a person would by hand."""
        path = f"{self.objects(API_VERSIONS[kind], _plural(kind))}/{name}/scale"
        await patch(self.client, path, {"spec": {"replicas": replicas}})

    async def refresh(self, pool: str = "pool") -> None:
        """Has the status of a pool written now: changed words and numbers alone are written once a minute,
        what an edit of the pool leads to at once. The edit raises its most replicas by one."""
        path = self.path("acceleratorpools", pool)
        most = (await self.client.request("GET", path))["spec"]["replicas"]["max"]
        await patch(self.client, path, {"spec": {"replicas": {"max": most + 1}}})

    async def becomes(
        self, holds: Callable[[JsonObject], bool], what: str, *, pool: str = "pool", seconds: float = 0.0
    ) -> JsonObject:
        """Returns a pool's status once something holds of it; fails with the last status."""
        found: JsonObject = {}
        deadline = time.monotonic() + (seconds or PATIENCE_SECONDS)
        while time.monotonic() < deadline:
            found = await self.status(pool)
            if holds(found):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {seconds or PATIENCE_SECONDS:g} s: {what}; the status is {found}")

    def objects(self, api_version: str, plural: str) -> str:
        """The path of one kind in the namespace."""
        return namespaced_path(api_version, self.namespace, plural)


API_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "LeaderWorkerSet": groups.API_VERSION,
}


@asynccontextmanager
async def scene(shared: Fleet, folder: Path) -> AsyncIterator[Scene]:
    """A scene on a fleet, during the block."""
    queue = LocalRedis(folder)
    queue.start()
    namespace = f"scene-{uuid.uuid4().hex[:8]}"
    try:
        async with await shared.api_server.admin_client() as client:
            await create(client, "v1", "namespaces", {"kind": "Namespace", "metadata": {"name": namespace}})
            made = Scene(client, namespace, shared.api_server, queue, folder, [shared.operator])
            try:
                async with groups.groups_of(client, namespace):
                    yield made
            finally:
                await _clear(made)
    finally:
        queue.stop()


async def _clear(made: Scene) -> None:
    """Pools first, so that no replica is asked for again; then what makes pods, and the nodes."""
    kinds = [("poolkeeper.dev/v1alpha1", "acceleratorpools"), (groups.API_VERSION, "leaderworkersets")]
    kinds += [("apps/v1", "deployments"), ("apps/v1", "statefulsets")]
    for api_version, plural in kinds:
        path = made.objects(api_version, plural)
        await made.client.request("DELETE", path, body={"propagationPolicy": "Background"})
    await made.nodes.take_away()
    await made.client.request("DELETE", api_path("v1", "namespaces", made.namespace))


async def _prepared(cluster: ControlPlane) -> Path:
    """What a fleet has beside a default install; a kubeconfig with the operator's rights."""
    async with await cluster.admin_client() as client:
        await kinds_beside.install(client, "leaderworkerset")
        await kinds_beside.install(client, "scaledobject")
        name = "poolkeeper-more-targets"
        role = {"kind": "ClusterRole", "metadata": {"name": name}, "rules": [MORE_TARGETS]}
        await create(client, RBAC, "clusterroles", role)
        subject = {"kind": "ServiceAccount", "name": "poolkeeper", "namespace": SYSTEM}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
        await create(client, RBAC, "clusterrolebindings", {"kind": "ClusterRoleBinding", **binding})
    return await service_account(cluster)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _plural(kind: str) -> str:
    return f"{kind.lower()}s"


def _selector(template: Json) -> Json:
    return {"matchLabels": dict(template["metadata"]["labels"])}
