"""A plain list: a job that a worker has taken is in no list any more, and nothing shows when it is done."""

import asyncio
import time

from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import Workload, working

LONGEST_JOB_SECONDS = 16
SEEN_SECONDS = 3.0
"""How long after its restart the operator would need at most to stop an idle pool."""


async def test_a_replica_whose_work_is_not_seen_outlives_a_restart_of_the_operator(world: QueueWorld) -> None:
    source = world.source("jobs", maxServiceSeconds=LONGEST_JOB_SECONDS)
    del source["redisList"]["processingList"]
    async with working(world.client, await world.target()) as workload:
        await world.create_pool(demand=[source], replicas={"max": 1})
        first, second = world.operator("first"), world.operator("second")
        first.start()
        await world.push(1)
        await eventually(lambda: is_up(workload), "the worker is up", 20)
        taken_at = time.monotonic()
        await world.drain()
        await decides(world, "InFlightUnseen")
        assert first.stop() == 0
        second.start()
        await eventually(lambda: leads(second), "the second leads", 20)
        await stays_up(world, until=taken_at + LONGEST_JOB_SECONDS)
        await has_condition(world, "DemandKnown", "True", "InFlightUnseen")
        await scaled_to(world, 0, seconds=LONGEST_JOB_SECONDS + 20)


async def stays_up(world: QueueWorld, *, until: float) -> None:
    """Returns at this time of the monotonic clock; fails as soon as the target is scaled to zero."""
    assert time.monotonic() < until - SEEN_SECONDS, "too late for an early stop to be seen"
    while time.monotonic() < until:
        assert await world.replicas() == 1
        await asyncio.sleep(0.05)


async def decides(world: QueueWorld, reason: str) -> None:
    """Returns once the status has a decision with this reason."""

    async def has_decided() -> bool:
        return bool((await world.status())["decision"]["reason"] == reason)

    await eventually(has_decided, f"a decision for {reason}", 20)


async def leads(operator: OperatorProcess) -> bool:
    return operator.is_leading()


async def is_up(workload: Workload) -> bool:
    return workload.is_up
