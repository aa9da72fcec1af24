"""Pools whose replicas are several pods: a target is only set in whole replicas, and half of one serves
nothing."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

RANKS: dict[str, Any] = {
    "targetRef": {"kind": "StatefulSet", "name": "worker"},
    "replicas": {"min": 0, "max": 6, "step": 2},
}


def rank(ordinal: int, now: float, *, runs: bool = True) -> Pod:
    at = format_timestamp(now)
    metadata = {
        "uid": f"worker-{ordinal}",
        "name": f"worker-{ordinal}",
        "namespace": "ns",
        "resourceVersion": "1",
        "ownerReferences": [{"kind": "StatefulSet", "name": "worker", "controller": True}],
        "labels": {"app": "worker"},
        "creationTimestamp": at,
    }
    status: dict[str, Any] = {"phase": "Pending"}
    if runs:
        running = {"name": "worker", "state": {"running": {"startedAt": at}}}
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": at}
        status = {"phase": "Running", "conditions": [ready], "containerStatuses": [running]}
    container = {"name": "worker", "readinessProbe": {"exec": {}}}
    return project_pod({"metadata": metadata, "spec": {"containers": [container]}, "status": status})


def show(cluster: FakeCluster, *pods: Pod) -> None:
    cluster.pods.present = {pod.uid: pod for pod in pods}
    cluster.readings.pods_changed("ns", cluster.pods.present)


async def begin(cluster: FakeCluster, pods: int, **changes: Any) -> None:
    cluster.scales.replicas["worker"] = pods
    cluster.declare(**RANKS | changes)
    cluster.publish(0)
    await cluster.look()
    cluster.now += 0.5


def replicas(cluster: FakeCluster) -> tuple[int, int]:
    """Desired and ready, as the status shows them."""
    found = cluster.statuses.written[-1]["replicas"]
    return found["desired"], found["ready"]


async def test_one_request_starts_all_ranks_of_one_server(cluster: FakeCluster) -> None:
    await begin(cluster, 0)
    cluster.publish(1)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]
    assert ("Normal", "StartAtOnce") in cluster.events


async def test_a_server_is_ready_once_all_of_its_ranks_are(cluster: FakeCluster) -> None:
    await begin(cluster, 2)
    show(cluster, rank(0, cluster.now), rank(1, cluster.now, runs=False))
    cluster.publish(1)
    await cluster.look()
    cluster.now += 60.0
    await cluster.look()
    assert replicas(cluster) == (1, 0)
    show(cluster, rank(0, cluster.now), rank(1, cluster.now))
    cluster.now += 60.0
    await cluster.look()
    assert replicas(cluster) == (1, 1)


async def test_a_part_of_a_replica_is_made_whole_and_said(cluster: FakeCluster) -> None:
    await begin(cluster, 4)
    show(cluster, *(rank(each, cluster.now) for each in range(4)))
    cluster.publish(0, in_flight=2)
    await cluster.look()
    cluster.lease.is_held = False
    cluster.scales.replicas["worker"] = 3
    show(cluster, *(rank(each, cluster.now) for each in range(3)))
    cluster.now += 30.0
    cluster.publish(0, in_flight=2)
    await cluster.look()
    assert cluster.condition("ReplicasWhole") == ("False", "PartOfReplica")
    cluster.lease.is_held = True
    cluster.readings.leadership_changed(is_leading=True)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 4)], "no server that works is lowered to bring the number in"
    assert cluster.condition("ReplicasWhole") == ("True", "WholeReplicas")


async def test_a_part_of_a_replica_beyond_the_bounds_is_not_made_whole(cluster: FakeCluster) -> None:
    await begin(cluster, 7)
    show(cluster, *(rank(each, cluster.now) for each in range(7)))
    for _ in range(3):
        cluster.now += 0.5
        cluster.publish(1, in_flight=6)
        await cluster.look()
    assert all(pods <= 6 for _, pods in cluster.scales.writes)


async def test_a_ceiling_is_said_in_servers_and_in_the_declared_pods(cluster: FakeCluster) -> None:
    await begin(cluster, 0, coldStart={"budgetSeconds": 2, "start": "Immediately"})
    for _ in range(4):
        cluster.publish(99)
        await cluster.look()
        cluster.now += 1.0
    status = cluster.statuses.written[-1]
    (found,) = (each for each in status["conditions"] if each["type"] == "WithinLimits")
    assert found["message"] == (
        "the demand needs more than the 3 replicas that spec.replicas.max of 6 pods allows"
    )


async def test_a_pool_without_a_step_has_no_such_condition(cluster: FakeCluster) -> None:
    await begin(cluster, 0, replicas={"min": 0, "max": 2})
    pool = cluster.store.all()[0]
    assert "ReplicasWhole" not in pool.history.conditions


async def test_another_step_begins_anew(cluster: FakeCluster) -> None:
    await begin(cluster, 4)
    cluster.declare(generation=2, **RANKS | {"replicas": {"min": 0, "max": 8, "step": 4}})
    cluster.now += 2.0
    cluster.publish(1)
    await cluster.look()
    assert replicas(cluster)[0] == 1


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["queue", "someone", "ready", "gone", "nothing"]),
        st.integers(0, 9),
        st.sampled_from([0.5, 3.0, 20.0]),
    ),
    max_size=14,
)


async def _multiples(events: list[tuple[str, int, float]], step: int) -> None:
    cluster = FakeCluster()
    await begin(cluster, 0, replicas={"min": 0, "max": 4 * step, "step": step})
    for kind, number, seconds in events:
        cluster.now += seconds
        if kind == "someone":
            cluster.scales.replicas["worker"] = number
        if kind in ("ready", "gone"):
            there = cluster.scales.replicas["worker"] if kind == "ready" else number
            show(cluster, *(rank(each, cluster.now) for each in range(min(there, 12))))
        cluster.publish(number if kind == "queue" else 0)
        await cluster.look()
    assert all(pods % step == 0 for _, pods in cluster.scales.writes), cluster.scales.writes


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(2, 4))
def test_what_is_written_is_always_a_multiple_of_the_step(
    events: list[tuple[str, int, float]], step: int
) -> None:
    asyncio.run(_multiples(events, step))
