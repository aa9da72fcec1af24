"""Stands in for the controller manager and the kubelet: a Deployment's pods, ready after a load time."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hack.testing.objects import CONTAINER, REPLICA_SET, delete_pod, patch
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import namespaced_path

ROUND_SECONDS = 0.1
PROBED = {**CONTAINER, "readinessProbe": {"exec": {"command": ["true"]}}}
"""Without a readiness probe, a pod that is Ready has proven nothing, and its start is not learned."""


class Workload:
    """Pods of one Deployment; each loads for `load_seconds` before it is ready."""

    def __init__(self, client: KubeClient, target: TargetKey, load_seconds: float) -> None:
        self.load_seconds = load_seconds
        self._client = client
        self._target = target
        self._made_at: dict[str, float] = {}
        self._ready: set[str] = set()
        self._numbers = itertools.count()

    @property
    def ready(self) -> int:
        """How many pods are ready."""
        return len(self._ready)

    @property
    def is_up(self) -> bool:
        """Whether any pod is ready."""
        return bool(self._ready)

    async def run(self) -> None:
        """Follow the Deployment until cancelled."""
        while True:
            wanted = await self.wanted()
            while len(self._made_at) > wanted:
                await self._remove()
            while len(self._made_at) < wanted:
                await self._make()
            for name, made_at in self._made_at.items():
                if name not in self._ready and time.monotonic() - made_at >= self.load_seconds:
                    await self._make_ready(name)
            await asyncio.sleep(ROUND_SECONDS)

    async def wanted(self) -> int:
        """The Deployment's replicas."""
        try:
            found = await self._client.request("GET", self._path("apps/v1", "deployments", self._target.name))
        except ApiError:
            return 0
        return int(found["spec"].get("replicas", 0))

    async def _make(self) -> None:
        name = f"{self._target.name}-{next(self._numbers)}"
        labels = {"app": self._target.name}
        metadata = {"name": name, "labels": labels, "ownerReferences": [REPLICA_SET]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [PROBED]}}
        await self._client.request("POST", self._path("v1", "pods"), body=pod)
        await self._set_conditions(name, "PodScheduled")
        self._made_at[name] = time.monotonic()

    async def _make_ready(self, name: str) -> None:
        await self._set_conditions(name, "PodScheduled", "Ready")
        self._ready.add(name)

    async def _remove(self) -> None:
        name = next((each for each in self._made_at if each not in self._ready), next(iter(self._made_at)))
        await delete_pod(self._client, self._target.namespace, name)
        self._made_at.pop(name)
        self._ready.discard(name)

    async def _set_conditions(self, name: str, *kinds: str) -> None:
        now = format_timestamp(time.time())
        conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds]
        status: dict[str, Any] = {"status": {"conditions": conditions}}
        await patch(self._client, self._path("v1", "pods", name, "status"), status)

    def _path(self, api_version: str, *segments: str) -> str:
        return namespaced_path(api_version, self._target.namespace, *segments)


@asynccontextmanager
async def working(
    client: KubeClient, target: TargetKey, load_seconds: float = 0.5
) -> AsyncIterator[Workload]:
    """A workload that runs during the block."""
    workload = Workload(client, target, load_seconds)
    task = asyncio.create_task(workload.run())
    try:
        yield workload
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
