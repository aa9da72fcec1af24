"""Somebody else who scales the same target: Poolkeeper says so, and at most one of them writes."""

import asyncio
import time
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


async def test_somebody_who_keeps_changing_the_replicas_is_named_and_answered_rarely(
    world: QueueWorld,
) -> None:
    async with working(world.client, await world.target()) as workload:

        async def runs() -> bool:
            return workload.is_up

        await world.create_pool(replicas={"min": 1, "max": 1})
        operator = world.operator()
        operator.start()
        for _ in range(2):
            await scaled_to(world, 1)
            written_at = time.monotonic()
            await eventually(runs, "the replica is up", 20)
            await apply(world, replicas=0)
        condition = await has_condition(world, "SoleWriter", "False", "ReplicasChangedElsewhere", seconds=40)
        assert condition["message"].startswith("argocd-controller (Apply) keeps changing the replicas, last")
        assert "RespectIgnoreDifferences=true" in condition["message"]
        await has_condition(world, "Ready", "False", "ReplicasChangedElsewhere")
        assert (await world.status())["decision"]["reason"] == "HeldBack"
        # The next operator goes on where this one was.
        operator.stop()
        world.operator("two").start()
        await scaled_to(world, 1, seconds=90)
        assert time.monotonic() - written_at > 55
        condition = await has_condition(world, "SoleWriter", "False", "ReplicasChangedElsewhere")
        assert "argocd-controller (Apply)" in condition["message"]


async def apply(world: QueueWorld, replicas: int) -> None:
    """A server-side apply of the replicas, as Argo CD makes one."""
    spec = {"replicas": replicas}
    await world.client.request(
        "PATCH",
        namespaced_path("apps/v1", world.namespace, "deployments", "worker"),
        query=(("fieldManager", "argocd-controller"), ("force", "true")),
        body={"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"}, "spec": spec},
        content_type="application/apply-patch+yaml",
    )


async def decision_says(world: QueueWorld, words: str) -> None:
    async def holds() -> bool:
        return words in str((await world.status()).get("decisions"))

    await eventually(holds, f"a decision that says {words!r}", 20)


async def test_a_number_set_by_hand_or_found_stands_for_its_idle_time(world: QueueWorld) -> None:
    fixed = {"mode": "Fixed", "idleSeconds": 10}
    async with working(world.client, await world.target(replicas=2)):
        await world.create_pool(scaleToZero=fixed)
        first = world.operator()
        first.start()
        await decision_says(world, "2 replicas, found when the pool was first seen at ")
        await scaled_to(world, 0, seconds=40)
        await world.scale(3)
        await decision_says(world, "3 replicas, set by kubectl scale or another client of /scale at ")
        # Another operator still knows whose they are.
        first.stop()
        world.operator("two").start()
        await scaled_to(world, 0, seconds=60)
        await decision_says(
            world, "3→0 StopIdle (ready 3): 3 replicas, set by kubectl scale or another client"
        )
        assert (await world.condition("SoleWriter"))["status"] == "True"
