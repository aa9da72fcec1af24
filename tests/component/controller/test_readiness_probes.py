"""What a pool says about the readiness probe of its workers, and how it counts them, look by look."""

from typing import Any

import pytest

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.starts import LATE_PROBE_SECONDS
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.targets import Target, of_one_pod
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

PROBE = {"readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}}}


def spec(probe: dict[str, Any]) -> dict[str, Any]:
    return {"containers": [{"name": "worker", **probe}]}


def worker(began: float, probe: dict[str, Any], *, runs: bool, is_ready: bool = False) -> Pod:
    began_at = format_timestamp(began)
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": began_at}]
    if is_ready:
        conditions.append({"type": "Ready", "status": "True", "lastTransitionTime": began_at})
    state = {"running": {"startedAt": began_at}} if runs else {"waiting": {"reason": "ContainerCreating"}}
    metadata = {
        "uid": "1",
        "name": "worker-1",
        "namespace": "ns",
        "labels": {"app": "worker"},
        "resourceVersion": "1",
        "creationTimestamp": began_at,
        "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
    }
    status = {
        "phase": "Running" if runs else "Pending",
        "conditions": conditions,
        "containerStatuses": [{"name": "worker", "state": state}],
    }
    return project_pod({"metadata": metadata, "spec": spec(probe), "status": status})


def show(cluster: FakeCluster, pod: Pod) -> None:
    cluster.pods.present = {pod.uid: pod}
    cluster.readings.pods_changed("ns", cluster.pods.present)


async def start(cluster: FakeCluster, probe: dict[str, Any], *, is_ready: bool) -> None:
    """A job waits; its worker's container runs two seconds later."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    cluster.publish(0)
    await cluster.look()
    cluster.publish(1)
    await cluster.look()
    assert cluster.scales.replicas["worker"] == 1
    show(cluster, worker(cluster.now, probe, runs=False))
    await cluster.look()
    cluster.now += 2.0
    show(cluster, worker(cluster.now, probe, runs=True, is_ready=is_ready))
    cluster.publish(1)
    await cluster.look()


def learned_seconds(cluster: FakeCluster) -> tuple[float, ...]:
    (pool,) = cluster.store.all()
    assert pool.state is not None
    return tuple(pool.state.starts.seconds)


@pytest.mark.parametrize(("probe", "is_ready"), [(PROBE, False), ({}, True)], ids=["late", "none"])
async def test_the_job_that_it_takes_is_the_end_of_the_start(
    cluster: FakeCluster, probe: dict[str, Any], is_ready: bool
) -> None:
    await start(cluster, probe, is_ready=is_ready)
    assert cluster.statuses.written[-1]["replicas"].get("ready", 0) == 0
    cluster.now += 10.0
    cluster.publish(0, in_flight=1)
    await cluster.look()
    (pool,) = cluster.store.all()
    assert pool.observation is not None
    assert pool.observation.replicas is not None
    assert pool.observation.replicas.ready == 1
    assert learned_seconds(cluster) == (12.0,)
    cluster.now += LATE_PROBE_SECONDS
    cluster.publish(0, in_flight=1)
    await cluster.look()
    reason = "WorksUnready" if probe else "NoReadinessProbe"
    assert cluster.condition("ReadinessProbed") == ("False", reason)
    assert pool.decision is not None
    assert pool.decision.message.endswith("check the readiness probe") == bool(probe)


async def test_a_replica_that_runs_is_not_taken_back(cluster: FakeCluster) -> None:
    await start(cluster, PROBE, is_ready=False)
    for _ in range(5):
        cluster.now += 1.0
        cluster.publish(0)
        await cluster.look()
    assert cluster.scales.replicas["worker"] == 1


@pytest.mark.parametrize(
    ("probe", "expected"),
    [(PROBE, ("True", "ReadinessProbe")), ({}, ("False", "NoReadinessProbe"))],
    ids=["probed", "not probed"],
)
async def test_at_zero_the_pod_template_says_it(
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    probe: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    async def read(target: TargetKey) -> Target:
        return Target("uid", 1, of_one_pod({"spec": spec(probe)}))

    monkeypatch.setattr(cluster.reconciler._observer._surroundings, "_read_target", read)
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    cluster.publish(0)
    await cluster.look()
    assert cluster.condition("ReadinessProbed") == expected
