"""The user's path: work arrives, the pool goes from zero to N and back, whatever is killed on the way."""

from tests.e2e.queue_namespace import QueueNamespace

SYSTEM = ("--namespace", "poolkeeper-system")


def test_work_brings_the_pool_up_and_its_end_brings_it_to_zero(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=3, service_seconds=1)
    world.apply(world.pool_manifest())
    world.wait_until(
        "the pool is at zero", lambda: world.condition("ScaledToZero").get("status") == "True", 30
    )

    world.push(12)
    world.wait_until("a replica is ready", lambda: world.ready_replicas() > 0, 60)
    world.wait_until("the work is done", lambda: world.jobs_left() == 0, 90)
    world.wait_until("the pool is at zero again", lambda: world.replicas() == 0, 90)

    status = world.pool_status()
    assert status["coldStart"]["samples"] >= 1
    assert status["decision"]["message"]
    events = world.kubectl("get", "events", "--output", "jsonpath={.items[*].involvedObject.kind}")
    assert "AcceleratorPool" in events


def test_a_killed_operator_finishes_what_it_began(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=3, service_seconds=1)
    world.apply(world.pool_manifest())
    world.push(10)
    world.wait_until("replicas were asked for", lambda: world.replicas() > 0, 60)

    world.cluster.kubectl(
        *SYSTEM, "delete", "pods", "--selector", "app.kubernetes.io/name=poolkeeper",
        "--grace-period=0", "--force", "--wait=false",
    )  # fmt: skip

    world.wait_until("the work is done", lambda: world.jobs_left() == 0, 120)
    world.wait_until("the pool is at zero again", lambda: world.replicas() == 0, 120)


def test_replicas_hold_while_redis_is_away(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=1, service_seconds=4)
    world.apply(world.pool_manifest())
    world.push(8)
    world.wait_until("a replica is ready", lambda: world.ready_replicas() > 0, 60)
    before = world.replicas()

    world.kubectl("scale", "deploy/redis", "--replicas=0")
    world.wait_until("demand is unknown", lambda: world.condition("DemandKnown").get("status") == "False", 30)
    world.holds_for("the replicas hold", lambda: world.replicas() >= before, 15)
    assert world.condition("DemandKnown")["message"]

    world.kubectl("scale", "deploy/redis", "--replicas=1")
    world.wait_until("demand is known", lambda: world.condition("DemandKnown").get("status") == "True", 60)


def test_observe_decides_and_explains_but_writes_nothing(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=1, service_seconds=1)
    world.apply(world.pool_manifest(mode="Observe"))
    world.push(5)
    world.wait_until(
        "a start was decided", lambda: world.pool_status().get("decision", {}).get("replicas", 0) > 0, 60
    )
    assert world.replicas() == 0
