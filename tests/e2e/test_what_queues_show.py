"""Queues that show less than there is, or more: blind lists, orphans, wrong addresses, untrue promises."""

import pytest

from tests.e2e.queue_namespace import QueueNamespace
from tests.e2e.side_by_side import Scenario, SideBySide, name_of

DEAD_CONSUMERS = 5


def load_that_a_list_does_not_show(world: QueueNamespace) -> None:
    """Jobs come twice a second, and waiting BRPOP workers take them before a poll can see them."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=0.05, variables={"TAKE": "BRPOP"})
    soon = {"mode": "Fixed", "idleSeconds": 3}
    world.apply(world.quick_pool(world.list_without_trace(1), scaleToZero=soon))
    world.feed(300, 0.5)
    world.wait_until(
        "the silence is not believed", lambda: world.says("DemandKnown", "False", "ArrivalsUnseen"), 75
    )
    assert "processingList" in world.condition("DemandKnown")["message"]
    world.wait_until("a worker is up", lambda: world.replicas() > 0, 20)
    world.holds_for("it stays", lambda: world.replicas() > 0, 15)


def job_of_a_killed_worker(world: QueueNamespace) -> None:
    """It stays in the processing list, and holds no replica."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=8)
    pool = world.quick_pool()
    pool["spec"]["demand"][0]["maxServiceSeconds"] = 10
    world.apply(pool)
    world.push(1)
    world.wait_until("it is worked on", lambda: world.redis("LLEN", "jobs-in-progress") == "1", 40)
    world.kubectl("delete", "pods", "--selector", "app=worker", "--force", "--grace-period=0")
    world.wait_until("it is found", lambda: world.says("NoOrphans", "False", "Orphaned"), 40)
    assert "LMOVE jobs-in-progress jobs" in world.condition("NoOrphans")["message"]
    world.wait_until("it holds no replica", lambda: world.replicas() == 0, 40)
    assert world.pool_status()["demand"]["orphaned"] == 1

    world.redis("LMOVE", "jobs-in-progress", "jobs", "RIGHT", "LEFT")
    world.wait_until("put back, it is done", lambda: world.done() == 1, 60)
    world.wait_until("nothing is orphaned", lambda: world.condition("NoOrphans")["status"] == "True", 20)


def _orphaned(world: QueueNamespace) -> int:
    return int(world.pool_status().get("demand", {}).get("orphaned") or 0)


def dead_consumers_of_a_stream(world: QueueNamespace) -> None:
    """Entries of consumers that are gone lie beside live traffic."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=1, variables={"TAKE": "STREAM"})
    world.redis("XGROUP", "CREATE", "jobs", "workers", "0", "MKSTREAM")
    for number in range(DEAD_CONSUMERS):
        world.redis("XADD", "jobs", "*", "n", str(number))
        world.redis("XREADGROUP", "GROUP", "workers", f"dead-{number}", "COUNT", "1", "STREAMS", "jobs", ">")
    stream = {"address": f"redis.{world.namespace}.svc:6379", "stream": "jobs", "group": "workers"}
    pool = world.quick_pool()
    pool["spec"]["demand"] = [{"name": "jobs", "maxServiceSeconds": 5, "redisStream": stream}]
    world.apply(pool)
    # They were taken one after the other: a younger one still counts as work while the first is an orphan.
    world.wait_until("all of them are found", lambda: _orphaned(world) == DEAD_CONSUMERS, 40)
    world.wait_until("they hold no replica", lambda: world.replicas() == 0, 40)
    for number in range(3):
        world.redis("XADD", "jobs", "*", "n", f"live-{number}")
        world.wait_until("a live job is done", lambda done=number + 1: world.done() == done, 30)  # type: ignore[misc]
        assert world.replicas() <= 1, "the dead ones bring up nothing"
    assert world.pool_status()["demand"]["orphaned"] == DEAD_CONSUMERS


def more_work_than_replicas(world: QueueNamespace) -> None:
    """What can't be taken within the budget is not promised."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=45)
    world.apply(world.quick_pool(replicas={"min": 0, "max": 2}))
    world.push(4)
    world.wait_until("the ceiling is reached", lambda: world.ready_replicas() == 2, 40)
    world.wait_until("the limit is said", lambda: world.says("WithinLimits", "False", "AtCeiling"), 20)
    world.holds_for(
        "nothing is promised", lambda: world.decision() in ("Late", "NoStartHelps", "AtCeiling"), 10
    )


def wrong_addresses(world: QueueNamespace) -> None:
    """The real cause, with the source and its address: first a name that nothing has, then a closed port."""
    world.create_queue_and_worker(load_seconds=1, service_seconds=1)
    (redis,) = world.cluster.items("pods", world.namespace)
    closed, unknown = f"{redis['status']['podIP']}:6380", f"nowhere.{world.namespace}.svc.cluster.local:6379"
    for address, reason in ((unknown, "NameNotFound"), (closed, "ConnectionRefused")):
        world.apply(
            world.quick_pool({"redisList": {"address": address, "list": "jobs", "processingList": "p"}})
        )
        world.wait_until(
            "the cause is said",
            lambda address=address, reason=reason: (  # type: ignore[misc]
                world.says("DemandKnown", "False", reason)
                and address in world.condition("DemandKnown")["message"]
            ),
            30,
        )


SCENARIOS = (
    load_that_a_list_does_not_show,
    job_of_a_killed_worker,
    dead_consumers_of_a_stream,
    more_work_than_replicas,
    wrong_addresses,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_what_queues_show(begun: SideBySide, scenario: Scenario) -> None:
    begun.finish(scenario)
