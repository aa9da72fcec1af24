"""A real model with a real load time: at zero, it answers a request for embeddings and goes back to zero."""

import json
import re
from typing import Any

import pytest

from hack.demo.commands import KubectlCluster
from tests.e2e.queue_namespace import QueueNamespace
from tests.e2e.served_model import ServedModel, install_activators

ASK = """
import json, sys, time, urllib.request
body = json.dumps({"model": "all-MiniLM-L6-v2", "input": sys.argv[1:]}).encode()
headers = {"Content-Type": "application/json"}
request = urllib.request.Request("http://embeddings/v1/embeddings", body, headers)
with urllib.request.urlopen(request, timeout=90) as answer:
    print(json.dumps({"held": answer.headers["X-Poolkeeper-Cold-Start"], "answer": json.load(answer)}))
"""
CAT, KITTEN, BANK = (
    "A cat sits on the mat.",
    "A kitten is resting on a rug.",
    "The central bank raised interest rates.",
)
# How the vector of CAT begins as sentence-transformers 5 computes it with PyTorch, from the same weights.
CAT_BEGINS = [0.1265353, -0.03285078, -0.02905964, 0.04440699]


@pytest.fixture
def operator(cluster: KubectlCluster, system_namespace: str) -> str:
    """Poolkeeper with activators."""
    return install_activators(cluster)


def ask(model: ServedModel, *texts: str) -> dict[str, Any]:
    """The embeddings of these texts, and for how long the request was held."""
    found: dict[str, Any] = json.loads(model.call(ASK, *texts))
    return found


def likeness(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between two vectors of length one."""
    return sum(x * y for x, y in zip(one, other, strict=True))


def test_a_real_model_at_zero_embeds_what_it_is_asked_and_goes_back_to_zero(world: QueueNamespace) -> None:
    model = ServedModel.at_zero(world, "embeddings", "embeddings.yaml", "embeddings-pool.yaml")
    assert model.replicas() == 0

    cold = ask(model, CAT, KITTEN, BANK)
    cat, kitten, bank = (one["embedding"] for one in cold["answer"]["data"])
    assert [len(vector) for vector in (cat, kitten, bank)] == [384] * 3
    assert cat[:4] == pytest.approx(CAT_BEGINS, abs=1e-5)
    assert likeness(cat, kitten) > 0.5 > 0.2 > likeness(cat, bank)

    logged = world.kubectl("logs", "deploy/embeddings")
    loaded = re.search(r"loaded in ([\d.]+) s", logged)
    assert loaded, logged
    assert float(cold["held"]) >= float(loaded[1]) > 0

    model.wait_until_at_zero()
    assert ask(model, CAT)["answer"]["data"][0]["embedding"] == pytest.approx(cat, abs=1e-5)
