"""Installing, upgrading, taking over and removing the operator, by helm and by kubectl alone."""

from hack.demo.commands import ROOT, Cluster
from tests.e2e.conftest import CHART, RELEASE, SYSTEM_NAMESPACE
from tests.e2e.world import World

CRDS = ("acceleratorpools.poolkeeper.dev", "acceleratorclasses.poolkeeper.dev")


def bring_up_one_replica(world: World) -> None:
    """A pool whose floor is one, so that the workload has something to lose."""
    world.create_queue_and_worker(load_seconds=0, service_seconds=1)
    world.apply(world.pool_manifest(replicas={"min": 1, "max": 2}))
    world.wait_until("the floor is kept", lambda: world.ready_replicas() == 1, 60)


def test_the_catalogue_comes_with_the_chart(cluster: Cluster, operator: str) -> None:
    classes = cluster.kubectl("get", "acceleratorclasses", "--output", "name")
    assert "acceleratorclass.poolkeeper.dev/nvidia-l4" in classes
    assert "acceleratorclass.poolkeeper.dev/cpu" in classes


def test_uninstall_leaves_the_workload_and_blocks_nothing(world: World) -> None:
    bring_up_one_replica(world)
    world.cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait")
    assert world.ready_replicas() == 1
    world.kubectl("delete", "acceleratorpool", "worker", "--timeout", "10s")
    assert world.ready_replicas() == 1


def test_another_release_takes_over_the_kept_crds(world: World) -> None:
    bring_up_one_replica(world)
    world.cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait")
    world.cluster.helm("install", "other", CHART, *RELEASE, "--take-ownership")
    try:
        world.apply(world.pool_manifest(replicas={"min": 2, "max": 2}))
        world.wait_until("the other release works", lambda: world.ready_replicas() == 2, 60)
    finally:
        world.cluster.helm("uninstall", "other", "--namespace", SYSTEM_NAMESPACE, "--wait")


def test_deleting_the_crds_touches_no_workload(world: World) -> None:
    bring_up_one_replica(world)
    world.cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait")
    world.cluster.kubectl("delete", "crd", *CRDS, "--timeout", "30s")
    assert world.ready_replicas() == 1


def test_plain_manifests_install_the_same(cluster: Cluster, system_namespace: str) -> None:
    cluster.helm("uninstall", "poolkeeper", "--namespace", SYSTEM_NAMESPACE, "--wait", "--ignore-not-found")
    kustomization = str(ROOT / "deploy")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--kustomize", kustomization)
    try:
        cluster.kubectl(
            "set", "image", "deploy/poolkeeper", "*=poolkeeper/operator:dev", "-n", SYSTEM_NAMESPACE
        )
        cluster.kubectl("rollout", "status", "deploy/poolkeeper", "-n", SYSTEM_NAMESPACE, "--timeout", "120s")
    finally:
        cluster.kubectl("delete", "--kustomize", kustomization, "--ignore-not-found", "--timeout", "60s")
