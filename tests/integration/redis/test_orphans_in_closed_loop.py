"""Pools with dead workers on a real Redis, decided by the real policy: what was reported of such pools, at a
tenth of its length.

Workers are tasks that start, take jobs and may be killed; a target of so many replicas is kept by the test.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import redis

from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.pool import ZeroMode
from poolkeeper.controller.pool.demand import PoolDemand
from poolkeeper.controller.pool.translate import source_spec
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Observation, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec
from tests.integration.redis.sources import list_source, stream_source
from tests.integration.sources.listening import POOL, Listening

START_SECONDS, JOB_SECONDS, LIMIT_SECONDS = 0.3, 0.5, 2
Take = Callable[[str], Callable[[], Any] | None]
"""Takes a job under a worker's name, and returns how to finish it."""


class Worker:
    """One replica."""

    def __init__(self, name: str, take: Take, now: float) -> None:
        self.name, self.asked_at, self.ready_at = name, now, now + START_SECONDS
        self.task = asyncio.create_task(self._work(take))

    async def _work(self, take: Take) -> None:
        await asyncio.sleep(START_SECONDS)
        while True:
            finish = take(self.name)
            await asyncio.sleep(JOB_SECONDS if finish else 0.02)
            if finish:
                finish()


class Pool:
    """Decides at every reading, and keeps so many workers."""

    def __init__(self, listening: Listening, source: DemandSource, take: Take, most: int = 30) -> None:
        source = source.model_copy(update={"max_service_seconds": LIMIT_SECONDS})
        self._listener, self._take = listening.to(source), take
        self._demand = PoolDemand()
        self._demand.assign([source])
        self.spec = PoolSpec(
            max_replicas=most,
            budget_seconds=3.0,
            sources=(source_spec(source),),
            start_prior_seconds=6.0,
            zero_mode=ZeroMode.FIXED,
            idle_seconds=2.0,
        )
        self.workers: list[Worker] = []
        self.replicas: list[int] = []
        self.started = 0

    async def run(self) -> None:
        state, learned = None, set()
        while True:
            news: Sample = await self._listener.sample(pool=POOL)
            self._demand.enter(news)
            now = news.observed_at
            state = state or initial_state(now, self.spec)
            ready = [worker for worker in self.workers if worker.ready_at <= now]
            for worker in ready:
                if worker.name not in learned:
                    learned.add(worker.name)
                    sample = StartSample(worker.name, worker.asked_at, now, ready_at=worker.ready_at)
                    state = learn(state, sample)
            starting = tuple(
                StartingReplica(worker.asked_at, Stage.NO_CONTAINER, worker.asked_at)
                for worker in self.workers
                if worker.ready_at > now
            )
            seen = Replicas(len(self.workers), len(ready), starting)
            decision, state = decide(now, self.spec, Observation(self._demand.current(), seen), state)
            self._scale(decision.replicas, now)
            self.replicas.append(decision.replicas)

    def _scale(self, replicas: int, now: float) -> None:
        while len(self.workers) < replicas:
            self.started += 1
            self.workers.append(Worker(f"worker-{self.started}", self._take, now))
        while len(self.workers) > replicas:
            self.workers.pop().task.cancel()

    def kill(self) -> None:
        """The first worker dies in the middle of what it does, and is replaced."""
        worker = self.workers.pop(0)
        worker.task.cancel()
        self._scale(len(self.workers) + 1, worker.ready_at)

    def reading(self) -> Reading:
        (found,) = self._demand.current()
        assert isinstance(found, Reading)
        return found


@contextlib.asynccontextmanager
async def running(pool: Pool) -> AsyncIterator[None]:
    task = asyncio.create_task(pool.run())
    try:
        yield
    finally:
        for each in (task, *(worker.task for worker in pool.workers)):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each


def from_stream(client: redis.Redis) -> Take:
    def take(name: str) -> Callable[[], Any] | None:
        found: Any = client.xreadgroup("g", name, {"s": ">"}, count=1)
        return (lambda: client.xack("s", "g", found[0][1][0][0])) if found else None

    return take


def from_list(client: redis.Redis) -> Take:
    def take(_: str) -> Callable[[], Any] | None:
        job = client.lmove("jobs", "taken", "LEFT", "RIGHT")
        return (lambda: client.lrem("taken", 1, str(job))) if job else None

    return take


async def test_replicas_follow_the_live_traffic_beside_twenty_dead_consumers(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    """One job a second beside 20 dead entries had 24 replicas, and one job after they had been recognised
    brought 20 of them back."""
    client.xgroup_create("s", "g", id="0", mkstream=True)
    for number in range(20):
        client.xadd("s", {"n": number})
        client.xreadgroup("g", f"dead-{number}", {"s": ">"}, count=1)
    pool = Pool(listening, stream_source(server, "s", "g"), from_stream(client))
    async with running(pool):
        for number in range(12):
            client.xadd("s", {"n": f"live-{number}"})
            await asyncio.sleep(1.0)
        assert pool.reading().orphaned == 20
        await eventually(lambda: pool.replicas[-1] == 0, "the pool is at zero")
        client.xadd("s", {"n": "one more"})
        await eventually(lambda: pool.replicas[-1] > 0, "a replica for the job")
        await eventually(lambda: pool.replicas[-1] == 0, "the pool is at zero")
    assert max(pool.replicas) <= 2
    assert client.xpending("s", "g")["pending"] == 20


async def test_a_job_whose_worker_was_killed_is_an_orphan_and_holds_nothing(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    pool = Pool(listening, list_source(server, processing_list="taken"), from_list(client))
    async with running(pool):
        client.rpush("jobs", "job")
        await eventually(lambda: client.llen("taken") == 1, "the job is taken")
        pool.kill()
        await eventually(lambda: pool.replicas[-1] == 0, "the pool is at zero")
        assert (pool.reading().orphaned, pool.reading().in_flight) == (1, 0)
        assert client.lrange("taken", 0, -1) == ["job"]
        client.lmove("taken", "jobs", "RIGHT", "LEFT")
        await eventually(lambda: client.llen("taken") + client.llen("jobs") == 0, "the job is done")
        await eventually(lambda: pool.reading().orphaned == 0, "no orphan is left")


async def test_a_stale_entry_beside_constant_short_work_holds_no_replica(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    """Five replicas were held as long as the entry lay there."""
    client.rpush("taken", "stale")
    pool = Pool(listening, list_source(server, processing_list="taken"), from_list(client), most=5)
    pool.spec = replace(pool.spec, min_replicas=5)
    async with running(pool):
        await eventually(lambda: pool.replicas[-1:] == [5], "five replicas")
        pool.spec = replace(pool.spec, min_replicas=0)
        for number in range(8):
            client.rpush("jobs", f"job-{number}")
            await asyncio.sleep(0.7)
        assert pool.reading().orphaned == 1
        await eventually(lambda: pool.replicas[-1] == 0, "the pool is at zero")
