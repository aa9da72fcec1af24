"""A plain list: a job that a worker has taken is in no list any more, and nothing shows when it is done."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import redis

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


async def test_a_worker_that_waits_in_brpop_under_load_is_stopped_twice_and_then_left_up(
    world: QueueWorld,
) -> None:
    """Each job goes to the worker at once, so the list looks empty; at zero the next job shows. Once no job
    comes any more, Redis shows that too."""
    source = world.source("jobs", maxServiceSeconds=1)
    del source["redisList"]["processingList"]
    async with working(world.client, await world.target()) as workload:
        idle = {"mode": "Fixed", "idleSeconds": 5}
        await world.create_pool(demand=[source], replicas={"max": 1}, scaleToZero=idle)
        world.operator().start()
        async with taking_each_job_at_once(world, workload) as is_over:
            condition = await has_condition(world, "DemandKnown", "False", "ArrivalsUnseen", seconds=60)
            assert "redisList.processingList" in condition["message"]
            await eventually(lambda: is_up(workload), "the worker is up", 20)
            await stays_up(world, until=time.monotonic() + 3 * 5)
            decided = [line.split()[2] for line in (await world.status())["decisions"]]
            assert decided.count("StopIdle") == 2
            assert decided[-1] == "DemandUnknown"
            is_over.set()
            await scaled_to(world, 0, seconds=80)


@contextlib.asynccontextmanager
async def taking_each_job_at_once(world: QueueWorld, workload: Workload) -> AsyncIterator[asyncio.Event]:
    """A job every fifth of a second until the event is set, for a worker that waits in BRPOP while its pod is
    ready."""

    is_over = asyncio.Event()

    async def produce() -> None:
        with contextlib.closing(world.queue.client) as client:
            while not is_over.is_set():
                client.rpush("jobs", "job")
                await asyncio.sleep(0.2)

    async def work() -> None:
        with contextlib.closing(world.queue.client) as client:
            while True:
                if workload.is_up:
                    await asyncio.to_thread(take, client)
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(produce()), asyncio.create_task(work())]
    try:
        yield is_over
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def take(client: redis.Redis) -> None:
    """Wait up to a second for one job."""
    client.brpop(["jobs"], 1)


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
