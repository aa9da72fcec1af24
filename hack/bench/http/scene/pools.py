"""Pools behind Services on a real API server: a real controller, real activators, real endpoint slices."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.bench.http.scene.activator_process import CONTROL_PORT, PROBE_PORT
from hack.bench.http.scene.clients import Node, follow_slices
from hack.bench.http.scene.network import ACTIVATOR_NETWORK, MODEL_NETWORK, addresses
from hack.bench.http.scene.pods import NODE, Pod, Replicas, Template
from hack.testing.control_plane import ControlPlane, Process, control_plane, tools
from hack.testing.kinds import create, create_class, install_kinds
from hack.testing.nodes import QUICK, create_node
from hack.testing.objects import create_deployment
from hack.testing.operator_process import OperatorProcess
from hack.testing.waiting import eventually
from poolkeeper.advice.service import PRE_STOP_SECONDS
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

NAMESPACE = "bench"
MODEL_PORT = 8000
LAGS_SECONDS = (0.0, 0.3, 1.0)
"""How late each node's kube-proxy hears of endpoints; the switch settles for longer than the last.

Model pods sleep before they stop for as long as the condition ServiceSuitable asks. With 2 s, one request in
100,000 was lost: where no endpoint is ready, as right after an eviction of the only replica, Kubernetes falls
back on all that are ending, and the slowest node still counted one among them that had ended.
"""
ACTIVATOR_LABELS = {"app.kubernetes.io/component": "activator"}


@dataclass
class HttpWorld:
    """Everything that runs."""

    client: KubeClient
    operator: OperatorProcess
    folder: Path
    nodes: list[Node]
    load_seconds: float
    activators: list[Pod] = field(default_factory=list)
    replicas: dict[str, Replicas] = field(default_factory=dict)
    _activator_addresses: Iterator[str] = field(default_factory=lambda: addresses(ACTIVATOR_NETWORK))
    _model_addresses: Iterator[str] = field(default_factory=lambda: addresses(MODEL_NETWORK))
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def token_file(self) -> Path:
        """What controller and activators share."""
        return self.folder / "token"

    async def start_operator(self) -> None:
        """Returns once it is ready."""
        flags = (f"--activator-token-file={self.token_file}", f"--activator-port={CONTROL_PORT}")
        await asyncio.to_thread(self.operator.start, *flags)

    def add_activator(self) -> Pod:
        """One more activator, which becomes ready once it has a table."""
        name = f"activator-{next(self._numbers)}"
        template = Template(
            labels=ACTIVATOR_LABELS,
            command=self._activator_command,
            probe_port=PROBE_PORT,
            probe_path="/readyz",
        )
        log = self.folder / f"{name}.log"
        pod = Pod(self.client, NAMESPACE, name, next(self._activator_addresses), template, log)
        self.activators.append(pod)
        return pod

    async def create_pool(self, name: str, concurrency: int) -> None:
        """A Deployment at zero, its Service and its pool, all of this name."""
        target = await create_deployment(self.client, NAMESPACE, name=name)
        template = Template(
            labels={"app": name},
            command=self._model_command,
            probe_port=MODEL_PORT,
            probe_path="/health",
            pre_stop_seconds=PRE_STOP_SECONDS,
        )
        self.replicas[name] = Replicas(self.client, target, template, self._model_addresses, self.folder)
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": MODEL_PORT}]},
        }
        await self.client.request("POST", namespaced_path("v1", NAMESPACE, "services"), body=service)
        pool = {
            "apiVersion": API_VERSION,
            "kind": "AcceleratorPool",
            "metadata": {"name": name},
            "spec": {
                "targetRef": {"name": name},
                "accelerator": {"class": "test-cpu"},
                "replicas": {"max": 2},
                "concurrency": concurrency,
                "coldStart": {"budgetSeconds": 60},
                "scaleToZero": {"mode": "Fixed", "idleSeconds": 1},
                "demand": [{"name": "web", "http": {"service": name, "port": 80}, "pollMilliseconds": 100}],
            },
        }
        path = namespaced_path(API_VERSION, NAMESPACE, "acceleratorpools")
        await self.client.request("POST", path, body=pool)

    async def wait_for_replicas(self, name: str, replicas: int, seconds: float) -> None:
        """Returns once a Deployment's spec has so many replicas; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.replicas[name].wanted != replicas:
                await self._news.wait()

    async def wait_for_activators(self, name: str, count: int) -> None:
        """Returns once so many activators are endpoints of a Service, on every node."""

        async def holds() -> bool:
            return all(node.count_of_others(name, MODEL_PORT) == count for node in self.nodes)

        await eventually(holds, f"{count} activators answer {name}", 40)

    async def follow_deployments(self) -> None:
        """Give each Deployment the pods that it asks for, until cancelled."""
        path = namespaced_path("apps/v1", NAMESPACE, "deployments")
        async with self.client.watch(path) as events:
            async for event in events:
                raw = event["object"]
                known = self.replicas.get(raw["metadata"]["name"]) if "spec" in raw else None
                if known is not None:
                    known.scale(int(raw["spec"].get("replicas", 0)))
                    self._news.set()
                    self._news = asyncio.Event()
        raise RuntimeError("the watch on Deployments has ended")

    async def describe(self, name: str) -> str:
        """A pool's status, for the message of a failure."""
        path = namespaced_path(API_VERSION, NAMESPACE, "acceleratorpools", name)
        status = (await self.client.request("GET", path)).get("status") or {}
        conditions = [f"{each['type']}={each['status']}" for each in status.get("conditions") or ()]
        return f"{name} wants {self.replicas[name].wanted} replicas, {', '.join(conditions)}"

    def executed(self) -> list[int]:
        """The numbers of all requests that any model server began to execute."""
        lines = (
            line.split() for file in self.folder.glob("*.record") for line in file.read_text().splitlines()
        )
        return [int(value) for kind, value in lines if kind == "executed"]

    def endpoint_lags_seconds(self) -> list[float]:
        """How long each deleted model pod went on being a ready endpoint on the slowest node, sorted."""
        slowest = self.nodes[-1].departures
        lags = []
        for pod in itertools.chain.from_iterable(each.ever for each in self.replicas.values()):
            began = pod.deleted_at
            if began is not None:
                left = [at for address, at in slowest if address == pod.address and at >= began]
                lags += [min(left) - began] if left else []
        return sorted(lags)

    def record_of(self, pod: Pod) -> Path:
        """What a model pod wrote down."""
        return self.folder / f"{pod.name}.record"

    async def end(self) -> None:
        """End all processes."""
        pods = [pod.end() for pod in self.activators]
        await asyncio.gather(*pods, *(each.end() for each in self.replicas.values()))

    def _activator_command(self, name: str, address: str) -> list[str]:
        command = [sys.executable, "-m", "hack.bench.http.scene.activator_process", "--address", address]
        return [*command, "--token-file", str(self.token_file), "--identity", name]

    def _model_command(self, name: str, address: str) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "hack.bench.http.scene.model_server",
            "--listen",
            f"{address}:{MODEL_PORT}",
        ]
        record = str(self.folder / f"{name}.record")
        return [*command, "--load-seconds", str(self.load_seconds), "--record", record]


@asynccontextmanager
async def world(folder: Path, *, activators: int, load_seconds: float) -> AsyncIterator[HttpWorld]:
    """Everything but pools runs; what is started ends with it."""
    with control_plane(folder) as api_server, _slice_controller(api_server, folder):
        async with await api_server.admin_client() as client:
            await _prepare(client)
            (folder / "token").write_text("shared")
            operator = OperatorProcess(api_server.kubeconfig(), NAMESPACE, folder, "controller")
            made = HttpWorld(client, operator, folder, [Node(lag) for lag in LAGS_SECONDS], load_seconds)
            following = [
                asyncio.create_task(follow_slices(client, NAMESPACE, made.nodes)),
                asyncio.create_task(made.follow_deployments()),
            ]
            for _ in range(activators):
                made.add_activator()
            try:
                await made.start_operator()
                yield made
            finally:
                for task in following:
                    task.cancel()
                failures: list[Any] = await asyncio.gather(*following, return_exceptions=True)
                await made.end()
                operator.stop()
                for failure in failures:
                    if not isinstance(failure, asyncio.CancelledError):
                        raise failure


async def _prepare(client: KubeClient) -> None:
    await install_kinds(client)
    await create(client, "v1", "namespaces", {"metadata": {"name": NAMESPACE}})
    await create_node(client, NODE)
    await create_class(client)


@contextmanager
def _slice_controller(api_server: ControlPlane, folder: Path) -> Iterator[None]:
    """Kubernetes' own controller that makes endpoints of pods, and none of its others."""
    (manager,) = tools("kube-controller-manager")
    kubeconfig = f"--kubeconfig={api_server.kubeconfig()}"
    command = [manager, kubeconfig, "--controllers=endpointslice-controller", *QUICK]
    process = Process(command, folder / "endpointslice-controller.log")
    try:
        yield
    finally:
        process.stop()
