"""Lists: what is particular to them beyond the contract."""

import asyncio
import contextlib
import threading

import pytest

from hack.testing.redis_server import LocalRedis
from tests.integration.redis.sources import list_source
from tests.integration.sources.listening import Listening


async def test_a_key_of_another_type_is_named_with_what_it_holds(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        client.set("jobs", "text")
    outage = await listening.to(list_source(server)).unavailable("WrongType")
    assert "'jobs' holds a string, not a list" in outage.message


async def test_a_processing_list_of_another_type_is_named_too(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        client.zadd("taken", {"job": 1})
    outage = await listening.to(list_source(server, processing_list="taken")).unavailable("WrongType")
    assert "'taken' holds a zset, not a list" in outage.message


async def test_a_job_that_moves_between_the_lists_is_counted_exactly_once(
    server: LocalRedis, listening: Listening
) -> None:
    """Workers take it and hand it back as fast as they can, while it is counted."""
    is_over = threading.Event()

    def move() -> None:
        with contextlib.closing(server.client) as client:
            while not is_over.is_set():
                client.lmove("jobs", "taken", "RIGHT", "LEFT")
                client.lmove("taken", "jobs", "RIGHT", "LEFT")

    with contextlib.closing(server.client) as client:
        client.lpush("jobs", "work")
    moving = asyncio.create_task(asyncio.to_thread(move))
    try:
        listener = listening.to(list_source(server, processing_list="taken"))
        samples = [await listener.sample() for _ in range(20)]
    finally:
        is_over.set()
        await moving
    assert {sample.queued + (sample.in_flight or 0) for sample in samples} == {1}


async def test_a_corrected_key_is_read_again(server: LocalRedis, listening: Listening) -> None:
    with contextlib.closing(server.client) as client:
        client.set("jobs", "text")
        listener = listening.to(list_source(server))
        await listener.unavailable("WrongType")
        client.delete("jobs")
        client.lpush("jobs", "work")
    assert (await listener.sample()).queued == 1


async def test_databases_are_kept_apart(server: LocalRedis, listening: Listening) -> None:
    with contextlib.closing(server.client) as client:
        client.lpush("jobs", "in database 0")
    sample = await listening.to(list_source(server, database=3)).sample()
    assert sample.queued == 0


async def test_a_database_that_does_not_exist_is_an_outage(server: LocalRedis, listening: Listening) -> None:
    outage = await listening.to(list_source(server, database=60_000)).unavailable("ServerError")
    assert "database 60000" in outage.message


@pytest.mark.parametrize("key", ["clé-ключ-鍵", "a" * 253, "with space", "new\nline", "*1\r\n$4\r\nPING\r\n"])
async def test_any_text_is_a_key(server: LocalRedis, listening: Listening, key: str) -> None:
    with contextlib.closing(server.client) as client:
        client.lpush(key, "work", "work")
    assert (await listening.to(list_source(server, key=key)).sample()).queued == 2


async def test_one_queue_with_entries_too_large_to_read_fails_alone(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        client.rpush("huge", b"x" * (70 * 1024 * 1024))
        client.rpush("jobs", "work")
    huge = list_source(server, key="huge-waiting", processing_list="huge").model_copy(update={"name": "huge"})
    usual = list_source(server, processing_list="taken")
    listener = listening.to(huge, usual)
    assert (await listener.unavailable("ReplyTooLarge")).source == "huge"
    await listener.unavailable("ReplyTooLarge")
    assert (await listener.sample()).queued == 1
    assert {outcome.source for _, outcome in listener.heard if hasattr(outcome, "reason")} == {"huge"}
