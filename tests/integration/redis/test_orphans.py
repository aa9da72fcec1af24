"""Requests whose worker is gone, in a real Redis: found one by one, in flight again when claimed.

A job may take 2 s; live workers need 0.3 s. Redis says from version 7.2 on when a list was touched last.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis

from hack.testing.redis_server import LocalRedis, run
from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.pool.demand import PoolDemand
from poolkeeper.core.values.observation import Reading
from poolkeeper.core.values.unmoved import Unmoved
from poolkeeper.sources.redis import pending, processing_list
from poolkeeper.sources.redis.processing_list import IDLE_INACCURACY_SECONDS
from tests.integration.redis.sources import list_source, stream_source
from tests.integration.sources.listening import POOL, Listening

LIMIT_SECONDS = 2
PATIENCE_SECONDS = 20.0


class Demand:
    """A pool's demand, as the hub's readings make it."""

    def __init__(self, listening: Listening, source: DemandSource) -> None:
        self._demand = PoolDemand()
        self._demand.assign([source])
        self._listener = listening.to(source)

    async def reading(self, where: Callable[[Reading], bool] = lambda _: True) -> Reading:
        """The next reading that fits."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                self._demand.enter(await self._listener.sample(pool=POOL))
                (found,) = self._demand.current()
                assert isinstance(found, Reading)
                if where(found):
                    return found

    async def readings(self, seconds: float) -> AsyncIterator[Reading]:
        """All readings of this time."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            yield await self.reading()


def limited(source: DemandSource) -> DemandSource:
    return source.model_copy(update={"max_service_seconds": LIMIT_SECONDS})


def dead_consumers(client: redis.Redis, entries: int) -> None:
    """Each has taken one entry and is gone."""
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    with client.pipeline(transaction=False) as batch:
        for number in range(entries):
            batch.xadd("jobs", {"body": number})
            batch.xreadgroup("workers", f"dead-{number}", {"jobs": ">"}, count=1)
        batch.execute()


@contextlib.asynccontextmanager
async def worker(work: Callable[[int], Callable[[], Any]]) -> AsyncIterator[None]:
    """Takes one job after the other; `work` takes one and returns how to finish it."""

    async def go_on() -> None:
        number = 0
        while True:
            finish = work(number)
            await asyncio.sleep(0.3)
            finish()
            await asyncio.sleep(0.1)
            number += 1

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_dead_consumers_of_a_stream_are_found_beside_live_ones(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    dead_consumers(client, 20)

    def take(number: int) -> Callable[[], Any]:
        client.xadd("jobs", {"body": f"live-{number}"})
        taken: Any = client.xreadgroup("workers", "live", {"jobs": ">"}, count=1)
        return lambda: client.xack("jobs", "workers", taken[0][1][0][0])

    async with worker(take):
        demand = Demand(listening, limited(stream_source(server)))
        assert (await demand.reading(lambda found: bool(found.orphaned))).orphaned == 20
        async for found in demand.readings(3.0):
            assert found.orphaned == 20
            assert found.in_flight in (0, 1)


async def test_an_entry_that_a_consumer_claims_is_in_flight_again(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    dead_consumers(client, 3)
    demand = Demand(listening, limited(stream_source(server)))
    await demand.reading(lambda found: found.orphaned == 3)
    run(client, "XAUTOCLAIM", "jobs", "workers", "dead-0", str(LIMIT_SECONDS * 1000), "0", "COUNT", "1")
    assert (await demand.reading(lambda found: found.orphaned == 2)).in_flight == 1


async def test_what_was_pending_before_the_first_look_has_its_true_age(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    dead_consumers(client, 1)
    await asyncio.sleep(LIMIT_SECONDS + 0.5)
    demand = Demand(listening, limited(stream_source(server)))
    found = await demand.reading()
    assert (found.in_flight, found.orphaned) == (0, 1)
    assert LIMIT_SECONDS < found.observed_at - found.unmoved.since < PATIENCE_SECONDS


@pytest.mark.parametrize("has_filter", [True, False])
@pytest.mark.parametrize(
    ("entries", "counted", "is_all"),
    [
        (pending.PAGE_ENTRIES, pending.PAGE_ENTRIES, True),
        (pending.MAX_ENTRIES + 200, pending.MAX_ENTRIES, False),
    ],
)
async def test_so_many_are_counted(
    server: LocalRedis,
    client: redis.Redis,
    listening: Listening,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_filter: bool,
    entries: int,
    counted: int,
    is_all: bool,
) -> None:
    if not has_filter:
        monkeypatch.setattr(pending, "FILTER", "UNKNOWN-BEFORE-6.2")
    dead_consumers(client, entries)
    demand = Demand(listening, limited(stream_source(server)))
    await asyncio.sleep(LIMIT_SECONDS)
    found = await demand.reading(lambda found: bool(found.orphaned))
    assert (found.orphaned, found.unmoved.is_all) == (counted, is_all)


@pytest.mark.parametrize(("source_end", "push_end"), [("RIGHT", "LEFT"), ("LEFT", "RIGHT")])
async def test_stale_entries_of_a_list_are_found_beside_work(
    server: LocalRedis, client: redis.Redis, listening: Listening, source_end: str, push_end: str
) -> None:
    client.rpush("taken", "stale-1", "stale-2", "stale-3")

    def take(number: int) -> Callable[[], Any]:
        client.rpush("jobs", f"live-{number}")
        job = client.lmove("jobs", "taken", source_end, push_end)
        return lambda: client.lrem("taken", 1, str(job))

    async with worker(take), worker(lambda number: take(10_000 + number)):
        demand = Demand(listening, limited(list_source(server, processing_list="taken")))
        assert (await demand.reading(lambda found: bool(found.orphaned))).orphaned == 3
        async for found in demand.readings(3.0):
            assert found.orphaned == 3
            assert found.in_flight in (0, 1, 2)


async def test_equal_payloads_are_never_orphans_while_they_are_worked_on(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.rpush("jobs", *(["work"] * 500))

    def take(_: int) -> Callable[[], Any]:
        client.lmove("jobs", "taken")
        return lambda: client.lrem("taken", 1, "work")

    async with worker(take), worker(take), worker(take):
        demand = Demand(listening, limited(list_source(server, processing_list="taken")))
        async for found in demand.readings(LIMIT_SECONDS + 4.0):
            assert found.orphaned == 0


async def test_a_stale_entry_that_is_put_back_waits_and_is_in_flight_again(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.rpush("taken", "stale-1", "stale-2", "stale-3")
    demand = Demand(listening, limited(list_source(server, processing_list="taken")))
    assert (await demand.reading(lambda found: bool(found.orphaned))).in_flight == 0
    client.lmove("taken", "jobs", "RIGHT", "LEFT")
    waits = await demand.reading(lambda found: found.queued == 1)
    assert (waits.in_flight, waits.orphaned) == (2, 0)
    client.lmove("jobs", "taken", "RIGHT", "LEFT")
    assert (await demand.reading(lambda found: found.queued == 0)).in_flight == 3


async def test_of_a_long_list_both_ends_are_looked_at(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    stale = 2 * processing_list.MOST_ENTRIES
    client.rpush("taken", *(f"stale-{number}" for number in range(stale)))
    demand = Demand(listening, limited(list_source(server, processing_list="taken")))
    found = await demand.reading(lambda found: bool(found.orphaned))
    assert (found.orphaned, found.unmoved.is_all) == (stale, True)
    client.lpush("taken", "live-1")
    found = await demand.reading(lambda found: not found.unmoved.is_all)
    assert found.in_flight is not None
    assert (found.in_flight + found.orphaned, found.orphaned >= stale - 2) == (stale + 1, True)


async def test_a_user_that_may_not_list_entries_still_reads_the_queue(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.rpush("taken", "stale-1", "stale-2", "stale-3")
    client.rpush("jobs", "work")
    run(client, "ACL", "SETUSER", "default", "-lrange")
    demand = Demand(listening, limited(list_source(server, processing_list="taken")))
    found = await demand.reading()
    assert (found.queued, found.in_flight) == (1, 3)
    found = await demand.reading(lambda found: bool(found.orphaned))
    assert found.unmoved == Unmoved(3, found.unmoved.since)


def says_when_touched(client: redis.Redis) -> bool:
    try:
        run(client, "CLIENT", "NO-TOUCH", "ON")
    except redis.ResponseError:
        return False
    run(client, "CLIENT", "NO-TOUCH", "OFF")
    return True


@pytest.mark.parametrize("entries", [1, 3])
@pytest.mark.parametrize("forbidden", ["", "LFU", "-object", "-client"])
async def test_an_entry_that_is_put_back_and_taken_at_once_looks_the_same_and_the_list_was_touched(
    start_redis: Callable[..., LocalRedis], listening: Listening, forbidden: str, entries: int
) -> None:
    server = start_redis(*(("--maxmemory-policy", "allkeys-lfu") if forbidden == "LFU" else ()))
    with contextlib.closing(server.client) as client:
        is_shown = says_when_touched(client) and not forbidden
        if forbidden.startswith("-"):
            run(client, "ACL", "SETUSER", "default", forbidden)
        client.rpush("taken", *(f"job-{number}" for number in range(entries)))
        filled_at = time.time()
        demand = Demand(listening, limited(list_source(server, processing_list="taken")))
        await demand.reading(lambda found: found.orphaned == entries)
        async for found in demand.readings(2.0):
            assert found.touched_at < filled_at + IDLE_INACCURACY_SECONDS + 1.0, (
                "our own reads touch the list"
            )
        put_back_at = time.time()
        with client.pipeline(transaction=True) as at_once:
            at_once.lmove("taken", "jobs", "RIGHT", "LEFT")
            at_once.lmove("jobs", "taken", "RIGHT", "RIGHT")
            at_once.execute()
        await asyncio.sleep(0.2)
        async for found in demand.readings(2.0):
            assert (found.orphaned, found.in_flight) == (entries, 0)
            assert (found.touched_at > put_back_at) == is_shown
        if forbidden == "-object":
            assert [str(entry["count"]) for entry in client.acl_log()] in ([], ["1"]), "it is refused once"


async def test_a_stream_tells_of_each_entry_so_that_no_touch_matters(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    dead_consumers(client, 2)
    demand = Demand(listening, limited(stream_source(server)))
    await demand.reading(lambda found: found.orphaned == 2)
    for number in range(3):
        client.xadd("jobs", {"body": f"live-{number}"})
        taken: Any = client.xreadgroup("workers", "live", {"jobs": ">"}, count=1)
        client.xack("jobs", "workers", taken[0][1][0][0])
        found = await demand.reading()
        assert (found.orphaned, found.touched_at) == (2, -math.inf)
