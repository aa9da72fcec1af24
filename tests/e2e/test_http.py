"""A caller of a model at zero waits for it and gets the answer; no other caller notices it."""

import json
import re
import subprocess
import time

import pytest

from hack.demo.commands import KubectlCluster
from tests.e2e.conftest import CHART, RELEASE, SYSTEM_NAMESPACE
from tests.e2e.queue_namespace import QueueNamespace
from tests.e2e.served_model import ServedModel, install_activators

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


@pytest.fixture
def operator(cluster: KubectlCluster, system_namespace: str) -> str:
    """Poolkeeper with activators."""
    return install_activators(cluster)


@pytest.fixture
def model(world: QueueNamespace) -> ServedModel:
    """A simulated LLM at zero behind its Service, its pool, and a pod to call it from."""
    return ServedModel.at_zero(world, "chat", "llm.yaml", "llm-pool.yaml")


def ask(model: ServedModel, tokens: int = 5) -> dict[str, float]:
    """A completion, asked for from within the cluster, by the Service's name."""
    answer = model.call(ASK, str(tokens))
    return {name: float(value) for name, value in json.loads(answer).items() if value is not None}


def test_a_caller_of_a_model_at_zero_gets_its_answer(model: ServedModel) -> None:
    cold = ask(model)
    assert cold["tokens"] == 5
    assert cold["waited"] >= 6, "the model takes 6 s to load"

    model.wait_until_warm()
    time.sleep(2)  # kube-proxy; no longer, or the model is idle and the activators come back
    assert all("waited" not in ask(model) for _ in range(3)), "warm answers bear no mark of ours"
    assert model.replicas() == 1

    model.wait_until_at_zero()
    assert ask(model)["waited"] >= 6


def test_a_stream_longer_than_the_idle_time_is_not_cut(model: ServedModel) -> None:
    ask(model)
    model.wait_until_warm()
    assert ask(model, tokens=1000)["tokens"] == 1000  # 20 s, four times the idle time


def uninstall(model: ServedModel) -> str:
    """What helm prints, a hook's log on its standard error; nothing of the hook is left behind."""
    cluster = model.world.cluster
    command = ("helm", "uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--timeout", "240s")
    done = subprocess.run(
        command,
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    kinds, chosen = "jobs,roles,rolebindings", "app.kubernetes.io/component=leave"
    left = ("get", kinds, "--namespace", SYSTEM_NAMESPACE, "--selector", chosen, "--output", "name")
    assert cluster.kubectl(*left) == ""
    assert "poolkeeper" not in model.slices()
    return done.stdout


def test_an_uninstall_names_what_stays_at_zero_and_leaves_the_service_to_its_pods(model: ServedModel) -> None:
    world = model.world
    printed = uninstall(model)
    assert f"Pool {world.namespace}/chat stays at zero" in printed
    assert model.replicas() == 0
    # helm quotes what it prints, with line ends as backslash and n.
    by_hand = re.search(r"To bring it back: kubectl ([^\\\"]*)", printed)
    assert by_hand is not None
    world.cluster.kubectl(*by_hand[1].split())
    world.kubectl("rollout", "status", "deploy/chat", "--timeout", "60s")
    time.sleep(2)  # kube-proxy
    assert ask(model)["tokens"] == 5


def test_an_uninstall_brings_the_model_back_where_that_is_wanted(model: ServedModel) -> None:
    world = model.world
    values = ("--set", "activator.enabled=true", "--set", "uninstall.restoreReplicas=true")
    world.cluster.helm("upgrade", "poolkeeper", CHART, *RELEASE, *values)
    printed = uninstall(model)
    assert f"Pool {world.namespace}/chat was at zero and is scaled to 1" in printed
    world.kubectl("rollout", "status", "deploy/chat", "--timeout", "60s")
    time.sleep(2)  # kube-proxy
    answer = ask(model)
    assert (answer["tokens"], "waited" in answer) == (5, False)
    world.holds_for("nobody stops it again", lambda: model.replicas() == 1, 10)
