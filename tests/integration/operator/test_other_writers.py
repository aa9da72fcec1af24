"""Somebody else who scales the same target: Poolkeeper says so, and at most one of them writes."""

import asyncio
from typing import Any

from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import working
from poolkeeper.kube.transport.paths import namespaced_path


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
