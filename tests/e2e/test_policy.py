"""The policy as it shows on a cluster: a start delayed to the deadline, one cancelled, a learned stop."""

import json
import re

from tests.e2e.queue_namespace import QueueNamespace


def test_once_learned_a_start_waits_until_the_budget_needs_it(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=2, service_seconds=1)
    world.apply(
        world.pool_manifest(coldStart={"budgetSeconds": 30, "expectedSeconds": 8, "objectivePercent": 95})
    )
    world.push(12)
    world.wait_until("starts have been seen", lambda: world.starts_seen() >= 3, 60)
    world.wait_until("the pool stops by itself", lambda: "StopIdle" in world.decided(), 60)
    assert world.replicas() == 0
    assert re.search(
        r"idle for \d+ s; after \d+ s idle, a new start is expected to cost less", world.explained("StopIdle")
    )
    world.wait_until("nobody is left who could take a job", lambda: not world.worker_pods(), 60)

    world.push(1)
    world.wait_until("the start is delayed", lambda: "WaitingForDeadline" in world.decided(), 10)
    assert world.replicas() == 0
    world.wait_until("the start comes in time", lambda: world.ready_replicas() == 1, 40)
    assert re.search(r"due in \d+ s to stay within", world.explained("WaitingForDeadline"))
    assert "1 more replica is started now to stay within" in world.explained("StartForDeadline")


def test_a_replica_that_loads_is_left_to_load(world: QueueNamespace) -> None:
    """It may have taken a job, Ready or not."""
    world.create_queue_and_worker(load_seconds=60, service_seconds=1)
    world.apply(world.pool_manifest(coldStart={"budgetSeconds": 10, "expectedSeconds": 60}))
    world.push(1)
    world.wait_until("its container runs", world.runs_a_container, 30)

    world.redis("DEL", "jobs")
    world.holds_for("the replica stays", lambda: world.replicas() == 1, 15)
    assert "StartCancelled" not in world.decided()


def test_a_start_that_nobody_needs_any_more_is_cancelled(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=60, service_seconds=1)
    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"poolkeeper.dev/test": "nowhere"}}}}}
    world.kubectl("patch", "deployment", "worker", "--patch", json.dumps(nowhere))
    world.apply(world.pool_manifest(coldStart={"budgetSeconds": 10, "expectedSeconds": 60}))
    world.push(1)
    world.wait_until("a replica waits for a node", lambda: bool(world.worker_pods()), 20)

    world.redis("DEL", "jobs")
    world.wait_until("the start is cancelled", lambda: "StartCancelled" in world.decided(), 20)
    assert world.replicas() == 0
    assert re.search(
        r"so 1 replica, starting for up to \d+ s and not ready yet, is stopped$",
        world.explained("StartCancelled"),
    )
