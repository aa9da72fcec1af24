"""The kind cluster that every e2e test shares, and the operator installed in it by helm."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from hack.demo.commands import ROOT, KubectlCluster, kind_cluster
from tests.e2e.queue_namespace import QueueNamespace
from tests.e2e.side_by_side import SideBySide, side_by_side

CLUSTER = "poolkeeper-test"
SYSTEM_NAMESPACE = "poolkeeper-system"
CHART = str(ROOT / "charts" / "poolkeeper")
RELEASE = (
    "--namespace", SYSTEM_NAMESPACE, "--take-ownership",
    "--set", "image.tag=dev", "--wait", "--timeout", "180s",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the cluster."""
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def cluster() -> Iterator[KubectlCluster]:
    """A kind cluster with our images in it; KEEP_CLUSTER=yes leaves it up afterwards."""
    hack_cluster = str(ROOT / "hack" / "cluster")
    for command in ("up", "load"):
        subprocess.run([hack_cluster, command, "--name", CLUSTER], check=True)
    yield kind_cluster(CLUSTER)
    if os.environ.get("KEEP_CLUSTER") != "yes":
        subprocess.run([hack_cluster, "down", "--name", CLUSTER], check=True)


def create_system_namespace(cluster: KubectlCluster) -> str:
    """The operator's namespace, in which only pods of the restricted standard are admitted."""
    manifest = cluster.kubectl(
        "create", "namespace", SYSTEM_NAMESPACE, "--dry-run=client", "--output", "yaml"
    )
    cluster.kubectl("apply", "--filename", "-", stdin=manifest)
    cluster.kubectl(
        "label", "--overwrite", "namespace", SYSTEM_NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"
    )
    return SYSTEM_NAMESPACE


def install_operator(cluster: KubectlCluster) -> str:
    """Poolkeeper installed by helm, its rollout finished; the name of its Deployment."""
    create_system_namespace(cluster)
    cluster.helm("upgrade", "--install", "poolkeeper", CHART, *RELEASE)
    return "poolkeeper"


@pytest.fixture
def system_namespace(cluster: KubectlCluster) -> str:
    """The operator's namespace."""
    return create_system_namespace(cluster)


@pytest.fixture
def operator(cluster: KubectlCluster) -> str:
    """Poolkeeper installed by helm; the name of its Deployment."""
    return install_operator(cluster)


@pytest.fixture(scope="session")
def deleted_namespaces(cluster: KubectlCluster) -> Iterator[list[str]]:
    """Those that tests have left behind: all are gone in the end, whatever became of the operator."""
    names: list[str] = []
    yield names
    for name in names:
        cluster.kubectl("wait", "--for=delete", f"namespace/{name}", "--timeout", "90s")


@pytest.fixture
def world(
    cluster: KubectlCluster, operator: str, deleted_namespaces: list[str], request: pytest.FixtureRequest
) -> Iterator[QueueNamespace]:
    """A namespace of the test's own, deleted afterwards; the next test does not wait for that."""
    name = request.node.name.replace("test_", "").replace("_", "-")[:50].rstrip("-")
    cluster.kubectl("create", "namespace", name)
    yield QueueNamespace(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")
    deleted_namespaces.append(name)


@pytest.fixture(scope="module")
def begun(
    cluster: KubectlCluster, deleted_namespaces: list[str], request: pytest.FixtureRequest
) -> Iterator[SideBySide]:
    """The module's SCENARIOS, all begun at the same time."""
    install_operator(cluster)
    with side_by_side(cluster, request.module.SCENARIOS, deleted_namespaces) as running:
        yield running
