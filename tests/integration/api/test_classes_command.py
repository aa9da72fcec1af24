"""`poolkeeper classes` on a real API server: its classes, and which of its nodes are of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hack.testing.control_plane import ControlPlane
from poolkeeper.controller.intake.install_classes import install_classes
from poolkeeper.controller.loop.leadership import AlwaysLeading
from poolkeeper.kube.transport.client import KubeClient
from tests.integration.api.conftest import Kubectl

MIXED = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/mig.strategy": "mixed"}
NODES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "classes-l4": ({"cloud.google.com/gke-accelerator": "nvidia-l4"}, {"nvidia.com/gpu": "2"}),
    "classes-mig": (MIXED, {"nvidia.com/gpu": "1", "nvidia.com/mig-1g.10gb": "49"}),
    "classes-shared": ({"nvidia.com/gpu.product": "Tesla-T4-SHARED"}, {"nvidia.com/gpu": "4"}),
}


@pytest.fixture
def nodes_on_paper(kubectl: Kubectl) -> Iterator[None]:
    for name, (labels, allocatable) in NODES.items():
        metadata, status = (
            {"name": name, "labels": labels},
            {"allocatable": allocatable, "capacity": allocatable},
        )
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}
        kubectl("create", "--filename=-", manifest=node)
    yield
    kubectl("delete", "nodes", *NODES)


async def test_shows_the_nodes_of_each_class(
    api_server: ControlPlane, kubectl: Kubectl, kube_client: KubeClient, nodes_on_paper: None
) -> None:
    await install_classes(kube_client, AlwaysLeading())
    patch = '--patch={"spec":{"dollarsPerChipHour":"0.42"}}'
    kubectl("patch", "aclass", "nvidia-l4", "--type=merge", patch)

    done = run("--output=json", f"--kubeconfig={api_server.kubeconfig()}")

    assert (done.returncode, done.stderr) == (0, "")
    found = {each["name"]: each for each in json.loads(done.stdout)["items"]}
    of_these = {
        name: [node["units"] for node in each["nodes"] if node["name"] in NODES]
        for name, each in found.items()
        if any(node["name"] in NODES for node in each["nodes"]) and "resourceName" in each
    }
    assert of_these == {
        "nvidia-l4": [2],
        "nvidia-h100": [1],
        "nvidia-h100-mig-1g.10gb": [49],
        "nvidia-t4-shared": [4],
    }
    assert (found["nvidia-l4"]["dollarsPerChipHour"], found["nvidia-l4"]["market"]) == ("0.42", "Paid")
    kubectl("patch", "aclass", "nvidia-l4", "--type=merge", '--patch={"spec":{"dollarsPerChipHour":null}}')


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[Any] = [sys.executable, "-m", "poolkeeper", "classes", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
