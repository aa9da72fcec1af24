"""Two replicas: one writes, the other is warm, and never do both write."""

import asyncio
import signal
import time

from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import working
from poolkeeper.kube.transport.paths import namespaced_path


async def _two_replicas(world: QueueWorld) -> tuple[OperatorProcess, OperatorProcess]:
    """The one that leads and the one that waits."""
    leader, standby = world.operator("leader"), world.operator("standby")
    leader.start()
    await eventually(lambda: _leads(leader), "the first leads", 20)
    standby.start()
    return leader, standby


async def _leads(operator: OperatorProcess) -> bool:
    return operator.is_leading()


async def test_a_standby_takes_over_soon_after_sigterm(world: QueueWorld) -> None:
    await world.target()
    await world.create_pool(replicas={"max": 1})
    leader, standby = await _two_replicas(world)
    asked_at = time.monotonic()
    leader.send(signal.SIGTERM)
    await eventually(lambda: _leads(standby), "the standby leads", 3)
    assert time.monotonic() - asked_at < 3
    assert leader.stop() == 0
    await world.push(1)
    await scaled_to(world, 1)


async def test_a_standby_takes_over_after_a_kill(world: QueueWorld) -> None:
    await world.target()
    await world.create_pool(replicas={"max": 2})
    leader, standby = await _two_replicas(world)
    leader.send(signal.SIGKILL)
    await world.push(2)
    await eventually(lambda: _leads(standby), "the standby leads", 15)
    await scaled_to(world, 2, seconds=3)


async def test_a_leader_that_was_frozen_writes_nothing_when_it_wakes_up(world: QueueWorld) -> None:
    """It wakes up long after its lease, with a target that it would have to write."""
    async with working(world.client, await world.target()):
        await world.create_pool(replicas={"min": 2, "max": 2})
        leader, standby = await _two_replicas(world)
        await scaled_to(world, 2)
        leader.send(signal.SIGSTOP)
        await eventually(lambda: _leads(standby), "the standby leads", 20)
        standby.send(signal.SIGSTOP)
        await world.scale(0)
        written = await versions(world)
        leader.send(signal.SIGCONT)
        await asyncio.sleep(3)
        assert await versions(world) == written
        assert "standby" in await world.lease_holder()
        standby.send(signal.SIGCONT)
        await scaled_to(world, 2, seconds=40)


async def versions(world: QueueWorld) -> tuple[int, str, list[str]]:
    """What any write of an operator would change: the target's spec, the pool's status, the events."""
    target = await world.client.request(
        "GET", namespaced_path("apps/v1", world.namespace, "deployments", "worker")
    )
    pool = await world.client.request("GET", world.path("acceleratorpools", "pool"))
    events = await world.client.request("GET", namespaced_path("v1", world.namespace, "events"))
    return (
        target["metadata"]["generation"],
        pool["metadata"]["resourceVersion"],
        sorted(event["metadata"]["resourceVersion"] for event in events["items"]),
    )


async def test_a_standby_says_that_it_is_ready_and_does_not_lead(world: QueueWorld) -> None:
    await world.target()
    await world.create_pool()
    _, standby = await _two_replicas(world)
    assert standby.answers("/readyz")
    assert not standby.is_leading()
    assert "poolkeeper_pool_replicas{" not in standby.get("/metrics")
    await has_condition(world, "Ready", "True")
