"""Pools that wait on Redis lists: a namespace with a queue and targets, and replicas of the operator."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import create_deployment, patch
from hack.testing.operator_process import OperatorProcess
from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.paths import namespaced_path


@dataclass
class QueueWorld:
    """A namespace of an API server, a Redis server and the operators that a test or benchmark starts."""

    client: KubeClient
    namespace: str
    api_server: ControlPlane
    queue: LocalRedis
    folder: Path
    operators: list[OperatorProcess] = field(default_factory=list)

    def operator(self, identity: str = "one") -> OperatorProcess:
        """A replica that is not started yet."""
        made = OperatorProcess(self.api_server.kubeconfig(), self.namespace, self.folder, identity)
        self.operators.append(made)
        return made

    async def push(self, jobs: int, queue: str = "jobs") -> None:
        """Put jobs into a list."""
        with self.queue.client as client:
            client.rpush(queue, *range(jobs))

    async def drain(self, queue: str = "jobs") -> None:
        """Take all jobs out of a list."""
        with self.queue.client as client:
            client.delete(queue)

    async def create_pool(self, name: str = "pool", *, target: str = "worker", **changes: Any) -> JsonObject:
        """A pool that starts a replica per job at once, and stops after a second without work."""
        spec = {
            "targetRef": {"name": target},
            "accelerator": {"class": "test-cpu"},
            "replicas": {"min": 0, "max": 3},
            "coldStart": {"budgetSeconds": 1, "start": "Immediately"},
            "scaleToZero": {"mode": "Fixed", "idleSeconds": 1},
            "demand": [self.source("jobs")],
            **changes,
        }
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "AcceleratorPool",
            "metadata": {"name": name},
            "spec": spec,
        }
        return await self.client.request("POST", self.path("acceleratorpools"), body=manifest)

    def source(self, queue: str, **changes: Any) -> dict[str, Any]:
        """A list as a source of demand."""
        redis_list = {"address": self.queue.address, "list": queue, "processingList": f"{queue}-busy"}
        return {"name": queue, "redisList": redis_list, "pollMilliseconds": 100, **changes}

    async def target(self, name: str = "worker", replicas: int = 0) -> TargetKey:
        """A Deployment."""
        return await create_deployment(self.client, self.namespace, name=name, replicas=replicas)

    async def replicas(self, name: str = "worker") -> int:
        """The replicas in a Deployment's spec."""
        path = namespaced_path("apps/v1", self.namespace, "deployments", name, "scale")
        return int((await self.client.request("GET", path))["spec"].get("replicas", 0))

    async def scale(self, replicas: int, name: str = "worker") -> None:
        """Scale as a person would by hand."""
        path = namespaced_path("apps/v1", self.namespace, "deployments", name, "scale")
        await patch(self.client, path, {"spec": {"replicas": replicas}})

    async def status(self, name: str = "pool") -> JsonObject:
        """A pool's status."""
        found = await self.client.request("GET", self.path("acceleratorpools", name))
        return dict(found.get("status") or {})

    async def condition(self, kind: str, name: str = "pool") -> JsonObject:
        """One condition of a pool, empty while it is not there."""
        conditions = (await self.status(name)).get("conditions") or ()
        return next((each for each in conditions if each["type"] == kind), {})

    async def lease_holder(self) -> str:
        """The holder of the operator's Lease."""
        path = namespaced_path("coordination.k8s.io/v1", self.namespace, "leases", "poolkeeper")
        return str((await self.client.request("GET", path))["spec"].get("holderIdentity", ""))

    def path(self, *segments: str) -> str:
        """A path of our group in this namespace."""
        return namespaced_path(API_VERSION, self.namespace, *segments)


async def scaled_to(world: QueueWorld, replicas: int, name: str = "worker", seconds: float = 20.0) -> None:
    """Returns once the target's spec has that many replicas."""

    async def holds() -> bool:
        return await world.replicas(name) == replicas

    await eventually(holds, f"{name} at {replicas} replicas", seconds)


async def has_condition(
    world: QueueWorld, kind: str, status: str, reason: str = "", *, name: str = "pool", seconds: float = 20.0
) -> JsonObject:
    """Returns a condition once it has this status, and this reason if one is given."""
    found: JsonObject = {}

    async def holds() -> bool:
        found.update(await world.condition(kind, name))
        return found.get("status") == status and found.get("reason") in (reason or found.get("reason"),)

    await eventually(holds, f"{kind}={status} {reason} of {name}", seconds)
    return found
