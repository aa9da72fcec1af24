"""Model servers as pods of a Deployment: each loads, answers, and publishes its load as vLLM does."""

import asyncio
import contextlib
import itertools
import time
from typing import Any

from aiohttp import web

from hack.testing.objects import CONTAINER, REPLICA_SET, delete_pod, patch
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.endpoint_slices import DISCOVERY
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import namespaced_path

ROUND_SECONDS = 0.05


class Model:
    """One server; `held_up` keeps its requests running, `seen` are the requests it was given."""

    def __init__(self) -> None:
        self.running = self.most_running = self.answered = 0
        self.held_up: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, address: str, port: int) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=5.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port).start()

    async def stop(self) -> None:
        """Finish what is running and end."""
        runner, self._runner = self._runner, None
        if runner:
            await asyncio.shield(runner.cleanup())

    async def _answer(self, request: web.Request) -> web.Response:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        body = await request.text()
        if self.held_up is not None:
            await self.held_up.wait()
        self.running -= 1
        self.answered += 1
        return web.Response(text=f"answer to {body}")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            text=f"vllm:num_requests_running {self.running}\nvllm:num_requests_waiting 0\n"
            f"vllm:request_success_total {self.answered}\n"
        )


class Models:
    """The Deployment's pods and their servers; a pod is ready `load_seconds` after it was made."""

    def __init__(self, client: KubeClient, target: TargetKey, port: int) -> None:
        self.load_seconds = 0.5
        self.is_ready_at_once = False
        """Whether a pod is Ready when its process starts, as without a readiness probe."""
        self.port = port
        self.by_pod: dict[str, Model] = {}
        self.ever: list[Model] = []
        self._client = client
        self._target = target
        self._numbers = itertools.count(10)

    async def run(self) -> None:
        """Follow the Deployment until cancelled."""
        while True:
            wanted = await self.replicas()
            while len(self.by_pod) > wanted:
                await self._remove(next(iter(self.by_pod)))
            starts = [self._make() for _ in range(wanted - len(self.by_pod))]
            await asyncio.gather(*starts)
            await asyncio.sleep(ROUND_SECONDS)

    async def replicas(self) -> int:
        """The replicas in the Deployment's spec."""
        found = await self._client.request("GET", self._path("apps/v1", "deployments", self._target.name))
        return int(found["spec"].get("replicas", 0))

    async def close(self) -> None:
        """End all servers."""
        for model in self.ever:
            await model.stop()

    async def _make(self) -> None:
        number = next(self._numbers)
        name, address = f"chat-{number}", f"127.0.0.{number}"
        model = self.by_pod[name] = Model()
        self.ever.append(model)
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "chat"}, "ownerReferences": [REPLICA_SET]},
            "spec": {"containers": [CONTAINER]},
        }
        made = await self._client.request("POST", self._path("v1", "pods"), body=pod)
        if self.is_ready_at_once:
            await self._become_ready(made, address, f"192.0.2.{number}")
        await asyncio.sleep(self.load_seconds)
        await model.start(address, self.port)
        if not self.is_ready_at_once:
            await self._become_ready(made, address, f"192.0.2.{number}")

    async def _become_ready(self, made: dict[str, Any], address: str, endpoint: str) -> None:
        name = made["metadata"]["name"]
        await self.set_status(name, address)
        await self._join_endpoints(name, made["metadata"]["uid"], endpoint)

    async def _join_endpoints(self, name: str, uid: str, address: str) -> None:
        """As Kubernetes' controller does, but for the address: none of 127.0.0.0/8 may stand there."""
        endpoint_slice = {
            "apiVersion": DISCOVERY,
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": "chat"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "targetRef": {"kind": "Pod", "name": name, "uid": uid}}],
            "ports": [{"port": self.port}],
        }
        path = self._path(DISCOVERY, "endpointslices")
        await self._client.request("POST", path, body=endpoint_slice)

    async def set_status(self, name: str, address: str) -> None:
        """Say of a pod what a kubelet would once it is ready."""
        now = format_timestamp(time.time())
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("PodScheduled", "Ready")
        ]
        status: dict[str, Any] = {
            "status": {"conditions": conditions, "podIP": address, "podIPs": [{"ip": address}]}
        }
        await patch(self._client, self._path("v1", "pods", name, "status"), status)

    async def _remove(self, name: str) -> None:
        model = self.by_pod.pop(name)
        await delete_pod(self._client, self._target.namespace, name)
        with contextlib.suppress(ApiError):  # 404: it was removed before it was an endpoint
            await self._client.request("DELETE", self._path(DISCOVERY, "endpointslices", name))
        await model.stop()

    def _path(self, api_version: str, *segments: str) -> str:
        return namespaced_path(api_version, self._target.namespace, *segments)
