"""A pool behind a Service with its operator, its activator and its model servers."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from hack.testing.objects import delete_pod
from hack.testing.operator_process import OperatorProcess
from hack.testing.ports import free_port
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.kube.objects.endpoint_slices import list_slices
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path
from tests.integration.activator.model import Models


def own_address() -> str:
    """An address of this machine that may stand in an EndpointSlice: none of 127.0.0.0/8 may."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: only chooses where from
        return str(probe.getsockname()[0])


ACTIVATOR_ADDRESS = own_address()
ACTIVATOR_LABELS = {"app.kubernetes.io/component": "activator"}


@dataclass
class ActivatorScene:
    """The pool `chat`, its Service, its operator, its activator and its models."""

    client: KubeClient
    namespace: str
    operator: OperatorProcess
    models: Models
    control_port: int
    token_file: Path
    folder: Path
    activator: "subprocess.Popen[bytes] | None" = None
    pods_made: int = field(default=0)

    async def start_operator(self) -> None:
        """Returns once it is ready."""
        flags = (f"--activator-token-file={self.token_file}", f"--activator-port={self.control_port}")
        await asyncio.to_thread(self.operator.start, *flags)

    async def start_activator(self) -> None:
        """A process, and the pod that stands for it."""
        command = [sys.executable, "-m", "poolkeeper", "activator", "--token-file", str(self.token_file)]
        command += ["--control", f"{ACTIVATOR_ADDRESS}:{self.control_port}"]
        command += ["--listen", f"{ACTIVATOR_ADDRESS}:{free_port()}", "--grace-seconds", "20"]
        with self._activator_log.open("ab") as log:
            self.activator = await asyncio.to_thread(subprocess.Popen, command, stderr=log)
        await eventually(self._activator_listens, "the activator listens")
        self.pods_made += 1
        name = f"activator-{self.pods_made}"
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": ACTIVATOR_LABELS},
            "spec": {"containers": [{"name": "main", "image": "none"}], "nodeName": "somewhere"},
        }
        path = namespaced_path("v1", self.namespace, "pods")
        await self.client.request("POST", path, body=pod)
        await self.models.set_status(name, ACTIVATOR_ADDRESS)

    @property
    def _activator_log(self) -> Path:
        return self.folder / "activator.log"

    async def _activator_listens(self) -> bool:
        """Whether its control port accepts connections; a port may be taken before the process binds it."""
        assert self.activator is not None
        assert self.activator.poll() is None, f"the activator ended:\n{self._activator_log.read_text()}"
        try:
            _, writer = await asyncio.open_connection(ACTIVATOR_ADDRESS, self.control_port)
        except OSError:
            return False
        writer.close()
        return True

    def kill_operator(self) -> None:
        """Without a chance to say anything."""
        self.operator.stop(signal.SIGKILL)

    def stop_activator(self) -> None:
        """Kill the process."""
        if self.activator is not None:
            self.activator.kill()
            self.activator.wait()

    async def replace_killed_activator(self) -> None:
        """Kill it and start another one, with another pod."""
        self.stop_activator()
        await delete_pod(self.client, self.namespace, f"activator-{self.pods_made}")
        await self.start_activator()

    async def drain_activator(self) -> None:
        """Tell it to stop, as a rollout does, and return once it has ended by itself."""
        assert self.activator is not None
        path = namespaced_path("v1", self.namespace, "pods", f"activator-{self.pods_made}")
        await self.client.request("DELETE", path, body={"gracePeriodSeconds": 60})
        self.activator.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.activator.wait, 40)

    async def create_service_and_pool(self) -> None:
        """What the user applies."""
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "chat"},
            "spec": {"selector": {"app": "chat"}, "ports": [{"port": 80, "targetPort": self.models.port}]},
        }
        await self.client.request("POST", namespaced_path("v1", self.namespace, "services"), body=service)
        pool = {
            "apiVersion": API_VERSION,
            "kind": "AcceleratorPool",
            "metadata": {"name": "chat"},
            "spec": {
                "targetRef": {"name": "chat"},
                "accelerator": {"class": "test-cpu"},
                "replicas": {"max": 2},
                "concurrency": 2,
                "coldStart": {"budgetSeconds": 60},
                "scaleToZero": {"mode": "Fixed", "idleSeconds": 1},
                "demand": [{"name": "web", "http": {"service": "chat", "port": 80}, "pollMilliseconds": 100}],
            },
        }
        path = namespaced_path(API_VERSION, self.namespace, "acceleratorpools")
        await self.client.request("POST", path, body=pool)

    async def slices(self) -> list[ActivatorSlice]:
        """The activators' part in the Service's endpoints."""
        return await list_slices(self.client, [self.namespace])

    async def wait_for_slice(self) -> ActivatorSlice:
        """Returns once the activator is an endpoint and listens."""
        found: list[ActivatorSlice] = []

        async def holds() -> bool:
            # Kept: by the next list the slice of a killed activator may be gone.
            found[:] = await self.slices()
            return bool(found)

        await self._eventually(holds, "the activator is an endpoint", 20)
        return found[0]

    async def wait_for_no_slice(self) -> None:
        """Returns once the pods answer alone."""

        async def holds() -> bool:
            return not await self.slices()

        await self._eventually(holds, "the activator has left the endpoints", 20)

    async def wait_for_replicas(self, replicas: int, seconds: float = 30.0) -> None:
        """Returns once the Deployment's spec has that many replicas."""

        async def holds() -> bool:
            return await self.models.replicas() == replicas

        await self._eventually(holds, f"{replicas} replicas", seconds)

    async def _eventually(self, holds: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
        """Waits for what the operator does; a failure shows what the pool and the operator say."""
        try:
            await eventually(holds, what, seconds)
        except AssertionError as failure:
            logs = self.operator.log_text[-4000:], self._activator_log.read_text()[-2000:]
            raise AssertionError("\n".join((str(failure), str(await self.status()), *logs))) from failure

    async def ask(self, text: str, **headers: str) -> httpx.Response:
        """A request to the activator, as kube-proxy would send it."""
        found = await self.wait_for_slice()
        url = f"http://{found.addresses[0]}:{found.ports[0][1]}/v1/completions"
        transport = httpx.AsyncHTTPTransport(retries=20)
        async with httpx.AsyncClient(timeout=60, transport=transport) as client:
            return await client.post(url, content=text, headers=headers)

    async def decisions(self) -> list[PastDecision]:
        """The pool's last decisions, the oldest first."""
        return [PastDecision.model_validate(line) for line in (await self.status()).get("decisions") or ()]

    async def status(self) -> Mapping[str, Any]:
        """The pool's status."""
        path = namespaced_path(API_VERSION, self.namespace, "acceleratorpools", "chat")
        return dict((await self.client.request("GET", path)).get("status") or {})
