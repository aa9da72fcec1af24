"""Installing, upgrading, taking over and removing the operator, by helm and by kubectl alone."""

import os
from pathlib import Path

import yaml

from hack.demo.commands import ROOT, KubectlCluster
from tests.e2e.conftest import CHART, RELEASE, SYSTEM_NAMESPACE
from tests.e2e.queue_namespace import QueueNamespace

CRDS = tuple(f"accelerator{each}.poolkeeper.dev" for each in ("pools", "classes", "quotas"))


def bring_up_one_replica(world: QueueNamespace) -> None:
    """A pool whose floor is one, so that the workload has something to lose."""
    world.create_queue_and_worker(load_seconds=0, service_seconds=1)
    world.apply(world.pool_manifest(replicas={"min": 1, "max": 2}))
    world.wait_until("the floor is kept", lambda: world.ready_replicas() == 1, 60)


def test_the_catalogue_comes_with_the_chart(cluster: KubectlCluster, operator: str) -> None:
    for name in ("nvidia-l4", "google-tpu-v6e", "aws-trainium2", "cpu"):
        cluster.kubectl("wait", "--for=create", f"acceleratorclass/{name}", "--timeout=30s")


def test_uninstall_leaves_the_workload_and_blocks_nothing(world: QueueNamespace) -> None:
    bring_up_one_replica(world)
    world.cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait")
    assert world.ready_replicas() == 1
    world.kubectl("delete", "acceleratorpool", "worker", "--timeout", "10s")
    assert world.ready_replicas() == 1


def test_another_release_takes_over_the_kept_crds(world: QueueNamespace) -> None:
    bring_up_one_replica(world)
    world.cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait")
    world.cluster.helm("install", "other", CHART, *RELEASE)
    try:
        world.apply(world.pool_manifest(replicas={"min": 2, "max": 2}))
        world.wait_until("the other release works", lambda: world.ready_replicas() == 2, 60)
    finally:
        world.cluster.helm("uninstall", "other", "--namespace", SYSTEM_NAMESPACE, "--wait")


def test_deleting_the_crds_touches_no_workload(world: QueueNamespace) -> None:
    bring_up_one_replica(world)
    world.cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait")
    world.cluster.kubectl("delete", "crd", *CRDS, "--timeout", "30s")
    assert world.ready_replicas() == 1


def test_plain_manifests_install_the_same(cluster: KubectlCluster, tmp_path: Path) -> None:
    cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait", "--ignore-not-found")
    overlay = {
        "resources": [os.path.relpath(ROOT / "deploy", tmp_path.resolve())],
        "images": [{"name": "poolkeeper/operator", "newTag": "dev"}],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--kustomize", str(tmp_path))
    try:
        cluster.kubectl(
            "rollout", "status", "deploy/poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--timeout", "120s"
        )
    finally:
        cluster.kubectl("delete", "--kustomize", str(tmp_path), "--ignore-not-found", "--timeout", "90s")
