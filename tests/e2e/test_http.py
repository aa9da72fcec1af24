"""A caller of a model at zero waits for it and gets the answer; nobody else notices that it was gone."""

import json
import time
from collections.abc import Iterator

import pytest

from hack.demo.commands import Cluster
from tests.e2e.conftest import CHART, RELEASE
from tests.e2e.world import World, manifests

ASK = """
import json, sys, time, urllib.request
body = json.dumps({"prompt": "hello", "max_tokens": int(sys.argv[1])}).encode()
headers = {"Content-Type": "application/json"}
began = time.monotonic()
with urllib.request.urlopen(urllib.request.Request("http://chat/v1/completions", body, headers)) as answer:
    text = json.load(answer)["choices"][0]["text"]
    print(json.dumps({
        "seconds": time.monotonic() - began,
        "waited": answer.headers.get("X-Poolkeeper-Cold-Start"),
        "tokens": len(text.split()),
    }))
"""
CALLER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "caller"},
    "spec": {
        "containers": [
            {
                "name": "caller",
                "image": "poolkeeper/simulated-llm:dev",
                "imagePullPolicy": "IfNotPresent",
                "command": ["sleep", "infinity"],
            }
        ]
    },
}


@pytest.fixture
def operator(cluster: Cluster, system_namespace: str) -> Iterator[str]:
    """Poolkeeper with activators."""
    cluster.helm("upgrade", "--install", "poolkeeper", CHART, *RELEASE, "--set", "activator.enabled=true")
    yield "poolkeeper"
    cluster.helm("upgrade", "--install", "poolkeeper", CHART, *RELEASE, "--set", "activator.enabled=false")


@pytest.fixture
def model(world: World) -> World:
    """A simulated LLM at zero behind its Service, its pool, and a pod to call it from."""
    world.apply(*manifests("llm.yaml"), *manifests("llm-pool.yaml"), CALLER)
    world.kubectl("wait", "--for=condition=Ready", "pod/caller", "--timeout", "60s")
    world.wait_until("an activator is an endpoint", lambda: "chat-poolkeeper-ipv4" in slices(world), 60)
    time.sleep(2)  # kube-proxy
    return world


def slices(world: World) -> str:
    """Names of the Service's EndpointSlices."""
    return world.kubectl(
        "get", "endpointslices", "--selector", "kubernetes.io/service-name=chat", "--output", "name"
    )


def ask(world: World, tokens: int = 5) -> dict[str, float]:
    """A completion, asked for from within the cluster, by the Service's name."""
    answer = world.kubectl("exec", "caller", "--", "python3", "-c", ASK, str(tokens))
    return {name: float(value) for name, value in json.loads(answer).items() if value is not None}


def replicas(world: World) -> int:
    """What the model's Deployment asks for."""
    return int(world.cluster.get("deployment", "chat", world.namespace)["spec"]["replicas"])


def test_a_caller_of_a_model_at_zero_gets_its_answer(model: World) -> None:
    cold = ask(model)
    assert cold["tokens"] == 5
    assert cold["waited"] >= 6, "the model takes 6 s to load"

    model.wait_until("warm traffic passes us by", lambda: "poolkeeper" not in slices(model), 30)
    time.sleep(5)
    assert all("waited" not in ask(model) for _ in range(3)), "warm answers bear no mark of ours"
    assert replicas(model) == 1

    model.wait_until("the model is at zero again", lambda: replicas(model) == 0, 60)
    assert ask(model)["waited"] >= 6


def test_a_stream_longer_than_the_idle_time_is_not_cut(model: World) -> None:
    ask(model)
    model.wait_until("warm traffic passes us by", lambda: "poolkeeper" not in slices(model), 30)
    assert ask(model, tokens=1000)["tokens"] == 1000  # 20 s, four times the idle time


def test_an_uninstall_leaves_the_service_to_its_pods(model: World) -> None:
    model.cluster.helm("uninstall", "poolkeeper", "--namespace", "poolkeeper-system", "--timeout", "180s")
    assert "poolkeeper" not in slices(model)
    assert replicas(model) == 0
    model.kubectl("scale", "deploy/chat", "--replicas", "1")
    model.kubectl("rollout", "status", "deploy/chat", "--timeout", "60s")
    time.sleep(2)  # kube-proxy
    assert ask(model)["tokens"] == 5
