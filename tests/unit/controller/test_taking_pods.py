"""To which pod of a replica requests are sent: the first that the Service selects; to no half replica."""

from typing import Any

import pytest

from poolkeeper.controller.front.view import fallen_addresses, ready_pods
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.front.seen import SeenService
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.watch.pod import Pod
from tests.unit.controller.pool.pods import pod

INDEX = "apps.kubernetes.io/pod-index"
NAME, WORKER = "leaderworkerset.sigs.k8s.io/name", "leaderworkerset.sigs.k8s.io/worker-index"
READY: dict[str, Any] = {"has_node": True, "is_running": True, "is_ready": True, "ready_at": 9.0}
RUNS: dict[str, Any] = {"has_node": True, "is_running": True}
FIRST = SeenService(("IPv4",), "http", 8000, selector=((INDEX, "0"), ("app", "gamma")))
ALL = SeenService(("IPv4",), "http", 8000, selector=(("app", "gamma"),))


def pool(kind: str, *, group: str = "apps/v1", **replicas: int) -> Pool:
    spec = {
        "targetRef": {"apiVersion": group, "kind": kind, "name": "gamma"},
        "accelerator": {"class": "gpu"},
        "replicas": {"max": 4, **replicas},
        "coldStart": {"budgetSeconds": 60},
        "demand": [{"name": "web", "http": {"service": "gamma", "port": 80}}],
    }
    metadata = {"namespace": "ns", "name": "pool", "uid": "u", "generation": 1}
    return Pool.first_seen({"metadata": metadata, "spec": spec})


def rank(number: int, state: dict[str, Any]) -> Pod:
    labels = {"app": "gamma", INDEX: str(number)}
    return pod(f"gamma-{number}", 1.0, labels=labels, addresses=(f"10.0.0.{number}",), **state)


@pytest.mark.parametrize(
    ("states", "service", "addresses"),
    [
        ((READY, READY), FIRST, ["10.0.0.0"]),
        ((READY, READY), ALL, ["10.0.0.0"]),
        ((READY, READY), None, ["10.0.0.0"]),
        ((READY,), FIRST, []),
        ((READY, RUNS), FIRST, ["10.0.0.0"]),
        ((READY, READY, READY, READY), ALL, ["10.0.0.0", "10.0.0.2"]),
        ((READY, READY, READY, READY), FIRST, ["10.0.0.0"]),
        ((READY, READY, READY), ALL, ["10.0.0.0"]),
    ],
)
def test_a_server_takes_requests_at_its_first_pod_that_the_service_selects(
    states: tuple[dict[str, Any], ...], service: SeenService | None, addresses: list[str]
) -> None:
    servers = pool("StatefulSet", step=2)
    servers.pods = tuple(rank(number, state) for number, state in enumerate(states))
    assert [each.address for each in ready_pods(servers, service)] == addresses


def test_a_leader_takes_requests_while_all_of_its_group_runs() -> None:
    groups = pool("LeaderWorkerSet", group="leaderworkerset.x-k8s.io/v1")
    groups.surroundings = groups.surroundings.__class__(size=ReplicaSize(16, pods=2))
    groups.pods = (pod("gamma-0", 1.0, addresses=("10.0.0.1",), **READY),)
    labels = {NAME: "gamma", WORKER: "1"}
    groups.workers = (pod("gamma-0-1", 1.0, labels={**labels}, **RUNS),)
    assert ready_pods(groups, None) == (), "the worker is of no group that is known"
    labels["leaderworkerset.sigs.k8s.io/group-index"] = "0"
    groups.workers = (pod("gamma-0-1", 1.0, labels=labels, **RUNS),)
    assert [each.address for each in ready_pods(groups, None)] == ["10.0.0.1"]
    groups.workers = ()
    assert ready_pods(groups, None) == ()
    assert fallen_addresses(groups) == ("10.0.0.1",), "it may still work on what it has"
