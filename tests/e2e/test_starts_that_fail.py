"""Starts that can't succeed as they are, and starts that wait to be admitted: said, and not repeated."""

import json

import pytest

from tests.e2e.queue_namespace import Manifest, QueueNamespace
from tests.e2e.side_by_side import Scenario, SideBySide, name_of

GATE = "kueue.x-k8s.io/admission"
MANY_JOBS = 12
NOT_ADMITTED_SECONDS = 25


def crashing_worker(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=0, service_seconds=1, variables={"FAIL_PERCENT": "100"})
    world.apply(world.quick_pool(coldStart={"budgetSeconds": 20, "expectedSeconds": 5}))
    world.push(1)
    world.wait_until(
        "the crash is said", lambda: world.says("StartsSucceed", "False", "CrashLoopBackOff"), 60
    )
    assert "container worker" in world.condition("StartsSucceed")["message"]
    world.push(MANY_JOBS)
    world.holds_for("no other is started beside it", lambda: world.replicas() == 1, 15)
    assert world.decision() == "StartsFailing"


def worker_that_is_never_ready(world: QueueNamespace) -> None:
    never = {"TAKE": "NOTHING", "READY_DELAY_SECONDS": "100000"}
    world.create_queue_and_worker(load_seconds=0, service_seconds=1, variables=never)
    world.apply(world.quick_pool(coldStart={"budgetSeconds": 20, "expectedSeconds": 3}))
    world.push(1)
    world.wait_until(
        "the start is overdue", lambda: world.says("StartsSucceed", "False", "ReadinessOverdue"), 90
    )
    world.push(MANY_JOBS)
    world.holds_for("no other is started beside it", lambda: world.replicas() == 1, 10)


def gated_pods(world: QueueNamespace) -> None:
    """Kueue's gate: the time until it opens is no start time."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=1, change=gate)
    world.apply(world.quick_pool())
    world.push(1)
    world.wait_until("the gate is named", lambda: GATE in world.condition("StartsSucceed")["message"], 30)
    assert world.condition("StartsSucceed")["reason"] == "SchedulingGated"
    world.holds_for("one replica waits", lambda: world.replicas() == 1, NOT_ADMITTED_SECONDS)
    open_gates = json.dumps([{"op": "remove", "path": "/spec/schedulingGates"}])
    for pod in world.worker_pods():
        world.kubectl("patch", pod, "--type=json", "--patch", open_gates)
    world.wait_until("the job is done", lambda: world.done() == 1, 40)
    learned_without_admission(world)


def pods_that_quota_refuses(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=1, service_seconds=1)
    world.apply(quota(pods=1))
    world.apply(world.quick_pool())
    world.push(1)
    world.wait_until("the quota is named", lambda: world.says("StartsSucceed", "False", "QuotaExceeded"), 40)
    world.holds_for("one replica waits", lambda: world.replicas() == 1, NOT_ADMITTED_SECONDS)
    world.apply(quota(pods=10))
    world.kubectl("annotate", "replicaset", "--selector", "app=worker", "look=again")
    world.wait_until("the job is done", lambda: world.done() == 1, 60)
    learned_without_admission(world)


def learned_without_admission(world: QueueNamespace) -> None:
    world.wait_until("the start is learned", lambda: world.starts_seen() > 0, 20)
    assert world.pool_status()["coldStart"]["p50Seconds"] < NOT_ADMITTED_SECONDS
    assert world.says("StartsSucceed", "True", "LastStartSucceeded")


def gate(template: Manifest) -> None:
    template["spec"]["schedulingGates"] = [{"name": GATE}]


def quota(pods: int) -> Manifest:
    spec = {"hard": {"pods": str(pods)}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "pods"}, "spec": spec}


SCENARIOS = (crashing_worker, worker_that_is_never_ready, gated_pods, pods_that_quota_refuses)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_starts_that_fail(begun: SideBySide, scenario: Scenario) -> None:
    begun.finish(scenario)
