"""The chart's life on a real API server: installed, upgraded, removed, and taken over by another release."""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from hack.testing.control_plane import ROOT, ControlPlane, control_plane, tools
from tests.integration.api.conftest import Kubectl
from tests.integration.api.specs import POOL

CHART = str(ROOT / "charts" / "poolkeeper")
NAMESPACE = "poolkeeper-system"

Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def fresh_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server that has never heard of our kinds."""
    with control_plane(tmp_path_factory.mktemp("helm")) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(fresh_cluster: ControlPlane) -> Kubectl:
    (binary,) = tools("kubectl")
    return Kubectl(binary, fresh_cluster.kubeconfig())


@pytest.fixture(scope="module")
def helm(fresh_cluster: ControlPlane) -> Helm:
    """Runs helm; whether it succeeded is for the test to judge."""
    (binary,) = tools("helm")
    where = [f"--kubeconfig={fresh_cluster.kubeconfig()}", f"--namespace={NAMESPACE}"]

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [binary, *arguments, *where]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run


def succeeds(done: "subprocess.CompletedProcess[str]") -> bool:
    assert done.returncode == 0, done.stderr
    return True


def test_pools_survive_the_chart_and_pass_to_another_release(helm: Helm, kubectl: Kubectl) -> None:
    assert succeeds(helm("install", "first", CHART, "--create-namespace"))
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/acceleratorpools.poolkeeper.dev")
    manifest = {"apiVersion": "poolkeeper.dev/v1alpha1", "kind": "AcceleratorPool", "spec": POOL}
    kubectl("create", "--filename=-", manifest={**manifest, "metadata": {"name": "survivor"}})

    assert succeeds(helm("upgrade", "first", CHART, "--set", "replicaCount=1"))
    deployment = json.loads(
        kubectl("get", "deploy", "first-poolkeeper", f"--namespace={NAMESPACE}", "--output=json")
    )
    assert deployment["spec"]["replicas"] == 1

    assert succeeds(helm("uninstall", "first"))
    assert kubectl("get", "apool", "survivor", "--output=name")

    refused = helm("install", "second", CHART)
    assert "invalid ownership metadata" in refused.stderr
    assert succeeds(helm("install", "second", CHART, "--take-ownership"))
    assert succeeds(helm("uninstall", "second"))
    assert kubectl("get", "apool", "survivor", "--output=name")
    kubectl("delete", "apool", "survivor")
