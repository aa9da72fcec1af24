"""What goes wrong around one pool: it holds, it says why and what to do, and it recovers by itself."""

import asyncio
import signal
from typing import Any

from hack.testing.objects import delete_deployment
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import working
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.paths import api_path, namespaced_path


async def test_replicas_hold_while_the_queue_is_gone(world: QueueWorld) -> None:
    async with working(world.client, await world.target()):
        source = world.source("jobs", staleAfterSeconds=2)
        await world.create_pool(demand=[source], replicas={"max": 2})
        world.operator().start()
        await world.push(2)
        await scaled_to(world, 2)
        world.queue.stop()
        condition = await has_condition(world, "DemandKnown", "False")
        assert condition["message"]
        await asyncio.sleep(4)
        assert await world.replicas() == 2
        world.queue.start()
        await has_condition(world, "DemandKnown", "True", seconds=60)
        await scaled_to(world, 0, seconds=60)


async def test_a_target_that_comes_later_and_goes_again(world: QueueWorld) -> None:
    await world.create_pool(replicas={"max": 1})
    world.operator().start()
    condition = await has_condition(world, "Ready", "False", "TargetMissing")
    assert "create it" in condition["message"]
    target = await world.target()
    await has_condition(world, "Ready", "True", seconds=90)
    await world.push(1)
    await scaled_to(world, 1)
    await delete_deployment(world.client, target)
    await world.push(1)
    await has_condition(world, "Ready", "False", "TargetMissing", seconds=20)


async def test_one_of_two_pools_with_the_same_target_writes(world: QueueWorld) -> None:
    async with working(world.client, await world.target()):
        await world.create_pool("older", replicas={"max": 1})
        await asyncio.sleep(1.1)  # creation timestamps are whole seconds
        await world.create_pool("newer", replicas={"min": 2, "max": 2})
        world.operator().start()
        condition = await has_condition(world, "SoleWriter", "False", "TargetShared", name="newer")
        assert "older" in condition["message"]
        await asyncio.sleep(2)
        assert await world.replicas() == 0
        await world.push(1)
        await scaled_to(world, 1)
        await world.client.request("DELETE", world.path("acceleratorpools", "older"))
        await has_condition(world, "SoleWriter", "True", name="newer")
        await scaled_to(world, 2)


async def test_nothing_is_written_beside_a_horizontal_pod_autoscaler(world: QueueWorld) -> None:
    await world.target()
    await world.client.request("POST", _hpas(world), body=_hpa())
    await world.create_pool()
    world.operator().start()
    condition = await has_condition(world, "SoleWriter", "False", "HorizontalPodAutoscaler")
    assert "rival" in condition["message"]
    await world.push(1)
    await asyncio.sleep(2)
    assert await world.replicas() == 0


def _hpas(world: QueueWorld) -> str:
    return namespaced_path("autoscaling/v2", world.namespace, "horizontalpodautoscalers")


def _hpa() -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rival"},
        "spec": {
            "scaleTargetRef": target,
            "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": metric}],
        },
    }


async def test_one_bad_pool_says_so_and_disturbs_no_other(world: QueueWorld) -> None:
    await world.target()
    await world.target("idle")
    secret = {"passwordSecret": {"name": "none", "key": "password"}}
    source = world.source("jobs")
    source["redisList"]["auth"] = secret
    await world.create_pool("classless", target="idle", accelerator={"class": "none-such"})
    await world.create_pool("secretless", target="other", demand=[source])
    await world.create_pool(
        "kindless", targetRef={"apiVersion": "none.example/v1", "kind": "None", "name": "x"}
    )
    await world.create_pool("good", replicas={"max": 1})
    world.operator().start()
    await has_condition(world, "Ready", "False", "UnknownClass", name="classless")
    await has_condition(world, "DemandKnown", "False", "SecretNotFound", name="secretless")
    await has_condition(world, "Ready", "False", "KindUnknown", name="kindless")
    await has_condition(world, "Ready", "True", name="good")
    await world.push(1)
    await scaled_to(world, 1)


async def test_a_queue_of_the_wrong_type_is_unknown_and_named(world: QueueWorld) -> None:
    await world.target(replicas=1)
    with world.queue.client as client:
        client.set("jobs", "no list")
    await world.create_pool()
    world.operator().start()
    condition = await has_condition(world, "DemandKnown", "False")
    assert "jobs" in condition["message"]
    assert await world.replicas() == 1


async def test_somebody_who_keeps_changing_the_replicas_is_noticed(world: QueueWorld) -> None:
    async with working(world.client, await world.target()) as workload:

        async def runs() -> bool:
            return workload.is_up

        await world.create_pool(replicas={"min": 1, "max": 1})
        world.operator().start()
        for _ in range(2):
            await scaled_to(world, 1)
            await eventually(runs, "the replica is up", 20)
            await world.scale(0)
        await has_condition(world, "SoleWriter", "False", "ReplicasChangedElsewhere", seconds=40)
        await scaled_to(world, 1)


async def test_a_window_that_can_not_be_followed_is_named(world: QueueWorld) -> None:
    await world.target()
    windows = [
        {"name": "always", "start": "* * * * *", "end": "0 0 1 1 *"},
        {"name": "never", "start": "61 8 * * *", "end": "0 9 * * *"},
    ]
    await world.create_pool(scaleToZero={"mode": "Fixed", "idleSeconds": 1, "windows": windows})
    world.operator().start()
    condition = await has_condition(world, "Ready", "False", "InvalidWindow")
    assert "never" in condition["message"]
    await scaled_to(world, 1)


async def test_deleting_a_pool_touches_no_target(world: QueueWorld) -> None:
    async with working(world.client, await world.target()):
        await world.create_pool(replicas={"max": 2})
        operator = world.operator()
        operator.start()
        await world.push(2)
        await scaled_to(world, 2)
        await world.client.request("DELETE", world.path("acceleratorpools", "pool"))

        async def is_forgotten() -> bool:
            return "poolkeeper_pools 0.0" in operator.get("/metrics")

        await eventually(is_forgotten, "the pool is forgotten", 20)
        await world.drain()
        await asyncio.sleep(3)
        assert await world.replicas() == 2


async def test_a_pool_that_is_deleted_while_nobody_watches_is_forgotten(world: QueueWorld) -> None:
    await world.target(replicas=1)
    await world.create_pool()
    operator = world.operator()
    operator.start()
    operator.send(signal.SIGSTOP)
    await world.client.request("DELETE", world.path("acceleratorpools", "pool"))
    operator.send(signal.SIGCONT)

    async def is_forgotten() -> bool:
        return "poolkeeper_pools 0.0" in operator.get("/metrics")

    await eventually(is_forgotten, "the pool is forgotten", 20)


async def test_classes_of_the_catalogue_are_applied_by_the_leader(world: QueueWorld) -> None:
    world.operator().start("--install-classes")

    async def are_applied() -> bool:
        found = await world.client.request("GET", api_path(API_VERSION, "acceleratorclasses"))
        return {"nvidia-l4", "cpu"} <= {each["metadata"]["name"] for each in found["items"]}

    await eventually(are_applied, "the catalogue is applied", 60)
