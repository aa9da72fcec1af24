"""Two copies of a model on a kind cluster, one with a pool, a pod that calls them, and a watch on both."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from hack.demo.commands import KubectlCluster
from hack.demo.stage import CHART, MANIFESTS, SYSTEM_NAMESPACE, chart_values
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

NAMESPACE = "poolkeeper-bench"
POOLED, BARE = "pooled", "bare"
MOST_SECONDS = 60.0

# Run in the caller's pod for as long as the measurement lasts. Its monotonic clock is the node's, and a node
# of kind is a container of this machine: instants that it prints can be compared with those taken here.
CALLER = """
import http.client, json, sys, time
BODY = json.dumps({"prompt": "hello", "max_tokens": 1})
def ask(host):
    connection = http.client.HTTPConnection(host, 80, timeout=60)
    connection.request("POST", "/v1/completions", BODY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, answer.headers.get("X-Poolkeeper-Cold-Start"), time.monotonic()
    answer.read()
    return found
for line in sys.stdin:
    host, how = line.split()
    began = time.monotonic()
    while True:
        try:
            status, held, answered = ask(host)
            break
        except OSError:
            if how == "once":
                raise
            time.sleep(0.02)
    print(json.dumps({"began": began, "answered": answered, "status": status, "held": held}), flush=True)
"""


@dataclass(slots=True)
class Marks:
    """When things were first seen to have happened to one model, on this machine's monotonic clock."""

    scaled: float = 0.0
    created: float = 0.0
    running: float = 0.0
    ready: float = 0.0

    def note(self, kind: str, changed: Mapping[str, Any], at: float) -> None:
        """Take in a Deployment or a pod as a watch shows it."""
        if kind == "Deployment":
            self.scaled = self.scaled or (at if changed["spec"].get("replicas") else 0.0)
            return
        status = changed.get("status") or {}
        containers = status.get("containerStatuses") or ()
        conditions = {each["type"]: each["status"] for each in status.get("conditions") or ()}
        self.created = self.created or at
        if any("running" in (each.get("state") or {}) for each in containers):
            self.running = self.running or at
        if conditions.get("Ready") == "True":
            self.ready = self.ready or at


@dataclass
class KindWorld:
    """The models, by their names, and what is known of them."""

    cluster: KubectlCluster
    client: KubeClient
    caller: asyncio.subprocess.Process
    marks: dict[str, Marks] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    pods: dict[str, set[str]] = field(default_factory=lambda: {POOLED: set(), BARE: set()})

    async def ask(self, model: str, *, how: str) -> dict[str, Any]:
        """The caller's words about one request: `once`, or `until` it is answered."""
        stdin, stdout = self.caller.stdin, self.caller.stdout
        assert stdin
        assert stdout
        stdin.write(f"{model} {how}\n".encode())
        async with asyncio.timeout(MOST_SECONDS):
            line = await stdout.readline()
        if not line:
            raise RuntimeError("the caller has ended")
        answer: dict[str, Any] = json.loads(line)
        if answer["status"] != 200:
            raise RuntimeError(f"{model} should have answered 200, and answered {answer['status']}")
        return answer

    async def scale(self, model: str, replicas: int) -> float:
        """Runs `kubectl scale`; the instant at which kubectl was started."""
        began = time.monotonic()
        await self.kubectl("scale", f"deployment/{model}", f"--replicas={replicas}")
        return began

    async def until_gone(self, model: str) -> None:
        """Returns once a model is at zero and has no pod left; then the marks of its next start begin."""
        async with asyncio.timeout(MOST_SECONDS):
            while self.replicas.get(model) or self.pods[model]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        self.marks[model] = Marks()

    async def until_seen(self, model: str) -> Marks:
        """All that the watch has to say about a start; its news may come after the answer."""
        async with asyncio.timeout(MOST_SECONDS):
            while not self.marks[model].ready:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return self.marks[model]

    async def kubectl(self, *arguments: str) -> None:
        """kubectl in the namespace of the models."""
        command = ("kubectl", "--namespace", NAMESPACE, *arguments)
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(self.cluster.environment), stdout=quiet
        )
        if await process.wait():
            raise RuntimeError(f"this failed: {' '.join(command)}")

    async def follow(self, kind: str, path: str) -> None:
        """Take in a kind's changes until cancelled."""
        async with self.client.watch(path) as events:
            async for event in events:
                self._take(kind, event, time.monotonic())
        raise RuntimeError(f"the watch of every {kind} has ended")

    def _take(self, kind: str, event: Mapping[str, Any], at: float) -> None:
        changed = event["object"]
        model = (changed["metadata"].get("labels") or {}).get("app")
        if model not in self.pods:
            return
        if kind == "Deployment":
            self.replicas[model] = changed["spec"].get("replicas", 0)
        elif event["type"] == "DELETED":
            self.pods[model].discard(changed["metadata"]["uid"])
            return
        else:
            self.pods[model].add(changed["metadata"]["uid"])
        if model in self.marks:
            self.marks[model].note(kind, changed, at)


@asynccontextmanager
async def world(cluster: KubectlCluster) -> AsyncIterator[KindWorld]:
    """Poolkeeper installed, both models at zero, the activators in front of the one with a pool."""
    release = ("--namespace", SYSTEM_NAMESPACE, "--create-namespace", "--wait", "--timeout", "180s")
    cluster.helm("upgrade", "--install", "poolkeeper", CHART, *release, *chart_values())
    # A cluster that was kept has the image under the same tag as before: nothing else would restart it.
    for deployment in ("poolkeeper", "poolkeeper-activator"):
        named = ("--namespace", SYSTEM_NAMESPACE, f"deployment/{deployment}")
        cluster.kubectl("rollout", "restart", *named)
        cluster.kubectl("rollout", "status", *named, "--timeout", "120s")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(namespace))
    objects = [*_documents("caller.yaml"), *model(POOLED), *model(BARE), pool(POOLED)]
    inside = ("--namespace", NAMESPACE)
    cluster.kubectl("apply", *inside, "--filename", "-", stdin=yaml.safe_dump_all(objects))
    cluster.kubectl("wait", *inside, "--for=condition=Ready", "pod/caller", "--timeout", "60s")
    endpoints = f"endpointslice/{POOLED}-poolkeeper-ipv4"
    cluster.kubectl("wait", *inside, endpoints, "--for=create", "--timeout", "60s")
    pipe = asyncio.subprocess.PIPE
    command = ("kubectl", *inside, "exec", "--stdin", "caller", "--", "python3", "-c", CALLER)
    caller = await asyncio.create_subprocess_exec(
        *command, env=dict(cluster.environment), stdin=pipe, stdout=pipe
    )
    async with await KubeClient.from_environment(cluster.environment["KUBECONFIG"]) as client:
        made = KindWorld(cluster, client, caller)
        paths = {
            "Deployment": namespaced_path("apps/v1", NAMESPACE, "deployments"),
            "Pod": namespaced_path("v1", NAMESPACE, "pods"),
        }
        following = [asyncio.create_task(made.follow(kind, path)) for kind, path in paths.items()]
        try:
            await asyncio.sleep(2)  # kube-proxy
            yield made
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            caller.kill()
            await caller.wait()


def model(name: str) -> list[dict[str, Any]]:
    """The demo's simulated LLM under another name: it loads in no time, and stops in no time."""
    service, deployment = _documents("llm.yaml")
    for each in (service, deployment):
        each["metadata"] = {"name": name, "labels": {"app": name}}
    service["spec"]["selector"] = {"app": name}
    deployment["spec"]["selector"]["matchLabels"] = {"app": name}
    template = deployment["spec"]["template"]
    template["metadata"]["labels"] = {"app": name}
    (container,) = template["spec"]["containers"]
    container["env"] = [
        {"name": "LOAD_SECONDS", "value": "0"},
        {"name": "TOKENS_PER_SECOND", "value": "1000"},
    ]
    del container["lifecycle"]
    return [service, deployment]


def pool(name: str) -> dict[str, Any]:
    """A pool that starts its model as soon as a request waits, and stops it as soon as none does."""
    (made,) = _documents("llm-pool.yaml")
    made["metadata"] = {"name": name}
    made["spec"] |= {
        "targetRef": {"name": name},
        "replicas": {"min": 0, "max": 1},
        "coldStart": {"budgetSeconds": 60, "start": "Immediately"},
        "scaleToZero": {"mode": "Fixed", "idleSeconds": 1},
        "demand": [{"name": "requests", "http": {"service": name, "port": 80}}],
    }
    return made


def _documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / file).read_text()))
