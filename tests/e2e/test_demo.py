"""What the demo does to a cluster that is not its own."""

import pytest
from rich.console import Console

from hack.demo.commands import KubectlCluster
from hack.demo.stage import prepare_existing


def test_it_names_the_objects_of_the_whole_cluster_before_it_makes_any(
    cluster: KubectlCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", cluster.environment["KUBECONFIG"])
    context = cluster.kubectl("config", "current-context").strip()
    console = Console(record=True, width=200)

    prepare_existing(console, context)

    named = [line.strip() for line in console.export_text().splitlines() if line.startswith("  ")]
    assert "CustomResourceDefinition/acceleratorpools.poolkeeper.dev" in named
    assert "ClusterRole/poolkeeper" in named
    assert {line.partition("/")[0] for line in named} == {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
    }
