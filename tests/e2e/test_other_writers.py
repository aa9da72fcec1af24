"""Replicas that others write: a tool that applies its manifest again and again, a person, a workload that was
there first."""

import time

import pytest
import yaml

from tests.e2e.queue_namespace import QueueNamespace
from tests.e2e.side_by_side import Scenario, SideBySide, name_of

TOOL = ("--server-side", "--force-conflicts", "--field-manager", "argocd-controller")
IDLE_SECONDS = 15
PATIENT = {"mode": "Fixed", "idleSeconds": IDLE_SECONDS}


def re_applied_replicas(world: QueueNamespace) -> None:
    """A tool sets 1 replica every few seconds while the queue needs 4."""
    times = {"LOAD_SECONDS": "1", "SERVICE_SECONDS": "600"}
    world.create_queue_and_worker(load_seconds=1, service_seconds=600)
    world.apply(world.quick_pool())
    world.push(8)
    world.wait_until("replicas were asked for", lambda: world.replicas() > 1, 30)
    seen = []
    for _ in range(6):
        manifest = yaml.safe_dump(world.worker_manifest(times, replicas=1))
        world.kubectl("apply", *TOOL, "--filename", "-", stdin=manifest)
        time.sleep(4)
        seen.append(world.replicas())
    assert sum(replicas > 1 for replicas in seen) <= 2, seen
    world.wait_until(
        "the writer is named", lambda: world.says("SoleWriter", "False", "ReplicasChangedElsewhere"), 10
    )
    assert "argocd-controller" in world.condition("SoleWriter")["message"]
    assert world.condition("Ready")["status"] == "False"


def scaled_by_hand(world: QueueNamespace) -> None:
    """`kubectl scale` to 2 although nothing waits."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=1)
    world.apply(world.quick_pool(scaleToZero=PATIENT))
    world.wait_until("the pool is seen", lambda: world.decision() == "AtZero", 20)
    world.kubectl("scale", "deploy/worker", "--replicas=2")
    world.holds_for("they have their idle time", lambda: world.replicas() == 2, IDLE_SECONDS - 2)
    assert any("set by kubectl" in message for message in world.explanations())
    world.wait_until("they are stopped then", lambda: world.replicas() == 0, 60)


def found_running(world: QueueNamespace) -> None:
    """A pool for a workload that has been up for a while."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=1, replicas=3)
    world.kubectl("rollout", "status", "deploy/worker", "--timeout", "60s")
    time.sleep(5)
    world.apply(world.quick_pool(scaleToZero=PATIENT))
    world.holds_for("they have their idle time", lambda: world.replicas() == 3, IDLE_SECONDS - 2)
    world.wait_until("they are stopped then", lambda: world.replicas() == 0, 60)


SCENARIOS = (re_applied_replicas, scaled_by_hand, found_running)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_other_writers(begun: SideBySide, scenario: Scenario) -> None:
    begun.finish(scenario)
