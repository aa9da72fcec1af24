"""What a user gets for input that can't work: a refusal at admission, or a condition on that one pool."""

import pytest

from hack.demo.commands import CommandFailed
from tests.e2e.queue_namespace import QueueNamespace


def test_a_pool_without_a_budget_is_refused_at_admission(world: QueueNamespace) -> None:
    pool = world.pool_manifest(coldStart={"budgetSeconds": 0})
    with pytest.raises(CommandFailed, match="budgetSeconds"):
        world.apply(pool)


def test_a_missing_target_becomes_a_condition_and_disturbs_no_other_pool(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=1, service_seconds=1)
    lost = world.pool_manifest(targetRef={"kind": "Deployment", "name": "nowhere"})
    lost["metadata"]["name"] = "lost"
    world.apply(lost, world.pool_manifest())
    world.push(3)
    world.wait_until("the good pool works", lambda: world.ready_replicas() > 0, 60)

    conditions = world.cluster.get("acceleratorpool", "lost", world.namespace)["status"]["conditions"]
    (ready,) = (one for one in conditions if one["type"] == "Ready")
    assert ready["status"] == "False"
    assert "nowhere" in ready["message"]
