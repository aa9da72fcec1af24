"""Pods as processes, with the part of a kubelet and of a ReplicaSet that a Service's endpoints depend on."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.testing.objects import CONTAINER, REPLICA_SET, delete_pod, patch
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import namespaced_path

NODE = "node"
PROBE_SECONDS = 0.02
NOTICE_SECONDS = 0.3
"""How long a kubelet takes to see that a container has ended, and then to start it again."""
GRACE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Template:
    """What the pods of one kind have in common; `command` makes one of a pod's name and address."""

    labels: Mapping[str, str]
    command: Callable[[str, str], Sequence[str]]
    probe_port: int
    probe_path: str
    pre_stop_seconds: float = 0.0


class Pod:
    """One pod; a container that ends by itself is started again under the same address, as a kubelet does."""

    def __init__(
        self, client: KubeClient, namespace: str, name: str, address: str, template: Template, log: Path
    ) -> None:
        self.name = name
        self.address = address
        self.is_terminating = False
        self.deleted_at: float | None = None
        self.is_ready = False
        self.became_ready: asyncio.Event = asyncio.Event()
        self.ready_patched: list[tuple[float, float]] = []
        """When each probe that changed the pod to ready was answered, and when the API server knew."""
        self._client = client
        self._namespace = namespace
        self._path = namespaced_path("v1", namespace, "pods", name)
        self._template = template
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._running = asyncio.create_task(self._run())

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    def kill(self) -> float:
        """SIGKILL; when it was sent."""
        assert self._process is not None
        at = time.monotonic()
        self._process.kill()
        return at

    async def terminate(self) -> None:
        """Delete the pod through the API, and return once it is gone."""
        self.is_terminating = True
        self.deleted_at = time.monotonic()
        await self._client.request("DELETE", self._path, body={"gracePeriodSeconds": GRACE_SECONDS})
        await asyncio.sleep(self._template.pre_stop_seconds)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        await self._running
        with contextlib.suppress(ApiError):
            await delete_pod(self._client, self._namespace, self.name)

    async def end(self) -> None:
        """End the process, and leave the pod object as it is."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _run(self) -> None:
        await self._create()
        while not self.is_terminating:
            with self._log.open("ab") as log:
                command = self._template.command(self.name, self.address)
                self._process = await asyncio.create_subprocess_exec(*command, stderr=log)
            probing = asyncio.create_task(self._probe())
            try:
                await self._process.wait()
            finally:
                probing.cancel()
                await asyncio.gather(probing, return_exceptions=True)
            if not self.is_terminating:
                await asyncio.sleep(NOTICE_SECONDS)
                await self._set_ready(False)
                await asyncio.sleep(NOTICE_SECONDS)

    async def _create(self) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "labels": dict(self._template.labels),
                "ownerReferences": [REPLICA_SET],
            },
            "spec": {"containers": [CONTAINER], "nodeName": NODE},
        }
        await self._client.request("POST", namespaced_path("v1", self._namespace, "pods"), body=body)
        await self._set_ready(False)

    async def _probe(self) -> None:
        while True:
            is_ready = await answers(self.address, self._template.probe_port, self._template.probe_path)
            answered_at = time.monotonic()
            if is_ready != self.is_ready:
                await self._set_ready(is_ready)
                if is_ready:
                    self.ready_patched.append((answered_at, time.monotonic()))
            await asyncio.sleep(PROBE_SECONDS if not is_ready else 10 * PROBE_SECONDS)

    async def _set_ready(self, is_ready: bool) -> None:
        condition = {
            "type": "Ready",
            "status": str(is_ready),
            "lastTransitionTime": format_timestamp(time.time()),
        }
        status = {
            "phase": "Running",
            "conditions": [{**condition, "type": "PodScheduled", "status": "True"}, condition],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
        }
        with contextlib.suppress(ApiError):  # 404: it was deleted meanwhile
            await patch(self._client, f"{self._path}/status", {"status": status})
            self.is_ready = is_ready
            if is_ready:
                self.became_ready.set()


async def answers(address: str, port: int, path: str) -> bool:
    """Whether a probe gets status 200."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False


class Replicas:
    """Gives one Deployment the pods that it asks for; `ever` holds all that it had."""

    def __init__(
        self,
        client: KubeClient,
        target: TargetKey,
        template: Template,
        addresses: Iterator[str],
        folder: Path,
    ) -> None:
        self.wanted = 0
        self.ever: list[Pod] = []
        self._client = client
        self._target = target
        self._template = template
        self._addresses = addresses
        self._folder = folder
        self._removals: set[asyncio.Task[None]] = set()

    @property
    def pods(self) -> list[Pod]:
        """Those that are meant to stay."""
        return [pod for pod in self.ever if not pod.is_terminating]

    def scale(self, wanted: int) -> None:
        """Follow the replicas that the Deployment asks for."""
        self.wanted = wanted
        for pod in self.pods[wanted:]:
            self.remove(pod)
        while len(self.pods) < wanted:
            name = f"{self._target.name}-{len(self.ever)}"
            log = self._folder / f"{name}.log"
            namespace = self._target.namespace
            address = next(self._addresses)
            self.ever.append(Pod(self._client, namespace, name, address, self._template, log))

    def evict(self, pod: Pod) -> None:
        """Take a pod away that is still wanted: another one comes for it."""
        self.remove(pod)
        self.scale(self.wanted)

    def remove(self, pod: Pod) -> None:
        """Take a pod away."""
        if pod.is_terminating:
            return
        pod.is_terminating = True  # at once: the task begins later, and `pods` must leave the pod out already
        task = asyncio.get_running_loop().create_task(pod.terminate())
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def end(self) -> None:
        """End all processes."""
        for task in self._removals:
            task.cancel()
        await asyncio.gather(*(pod.end() for pod in self.ever))
