"""A pool that is deleted is forgotten, and its target is left as it is."""

import asyncio
import signal

from hack.testing.queue_world import QueueWorld, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import working


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
