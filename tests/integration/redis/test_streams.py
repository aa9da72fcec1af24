"""Streams: what is particular to them beyond the contract."""

from typing import Any

import pytest
import redis

from hack.testing.redis_server import LocalRedis, run
from poolkeeper.core.values.ledger import Ledger, record
from poolkeeper.core.values.observation import Reading
from poolkeeper.core.values.spec import SourceSpec
from poolkeeper.sources.redis.stream import MAX_COUNTED_ENTRIES, PAGE_ENTRIES
from tests.integration.redis.sources import stream_source
from tests.integration.sources.listening import Listening


def add(client: redis.Redis, entries: int) -> list[str]:
    with client.pipeline(transaction=False) as batch:
        for _ in range(entries):
            batch.xadd("jobs", {"body": "work"})
        return [str(entry) for entry in batch.execute()]


def deliver(client: redis.Redis, entries: int) -> None:
    client.xreadgroup("workers", "worker-0", {"jobs": ">"}, count=entries)


def do(client: redis.Redis, entries: int) -> None:
    """Take entries and be done with them."""
    found: Any = client.xreadgroup("workers", "worker-0", {"jobs": ">"}, count=entries)
    assert client.xack("jobs", "workers", *(entry for entry, _ in found[0][1])) == entries


def reading(ledger: Ledger) -> Reading:
    assert isinstance(ledger.demand, Reading)
    return ledger.demand


def lag(client: redis.Redis) -> int | None:
    (group,) = client.xinfo_groups("jobs")
    found: int | None = group["lag"]
    return found


@pytest.mark.parametrize("undelivered", [0, 1, PAGE_ENTRIES - 1, PAGE_ENTRIES, PAGE_ENTRIES + 1, 250])
async def test_a_lag_that_redis_does_not_know_is_counted(
    server: LocalRedis, client: redis.Redis, listening: Listening, undelivered: int
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    add(client, 2)
    deliver(client, 2)
    entries = add(client, undelivered + 1)
    client.xdel("jobs", entries[0])
    assert lag(client) is None
    sample = await listening.to(stream_source(server)).sample()
    assert (sample.queued, sample.in_flight) == (undelivered, 2)
    assert sample.oldest_arrived_at == (int(entries[1].split("-")[0]) / 1000 if undelivered else None)


async def test_counting_ends_at_a_bound(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    add(client, 1)
    deliver(client, 1)
    client.xdel("jobs", add(client, MAX_COUNTED_ENTRIES + 500)[0])
    assert lag(client) is None
    assert (await listening.to(stream_source(server)).sample()).queued == MAX_COUNTED_ENTRIES


async def test_a_trimmed_stream_is_counted_right(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    add(client, 10)
    deliver(client, 2)
    client.xtrim("jobs", maxlen=5, approximate=False)
    assert (await listening.to(stream_source(server)).sample()).queued == 5


async def test_a_group_that_starts_in_the_middle_is_counted(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    entries = add(client, 5)
    client.xgroup_create("jobs", "workers", id=entries[2])
    assert lag(client) is None
    assert (await listening.to(stream_source(server)).sample()).queued == 2


async def test_the_oldest_undelivered_entry_dates_the_wait(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    entries = add(client, 3)
    deliver(client, 1)
    sample = await listening.to(stream_source(server)).sample()
    assert sample.oldest_arrived_at == int(entries[1].split("-")[0]) / 1000


async def test_ids_that_are_no_dates_date_nothing(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    client.xadd("jobs", {"body": "work"}, id="7-18446744073709551615")
    deliver(client, 1)
    client.xadd("jobs", {"body": "work"}, id="8-0")
    sample = await listening.to(stream_source(server)).sample()
    assert (sample.queued, sample.in_flight, sample.oldest_arrived_at) == (1, 1, None)


async def test_entries_that_come_and_go_between_two_polls_are_counted(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    add(client, 2)
    do(client, 2)
    source = stream_source(server)
    ledger = record(Ledger.empty("jobs"), await listening.to(source).sample(), SourceSpec("jobs"))
    for done in (1, 5):
        before = reading(ledger)
        add(client, done)
        do(client, done)
        ledger = record(ledger, await listening.to(source).sample(), SourceSpec("jobs"))
        after = reading(ledger)
        assert (after.queued, after.in_flight) == (0, 0)
        assert (after.arrived - before.arrived, after.completed - before.completed) == (done, done)
        assert after.trail != before.trail


async def test_a_group_that_is_set_back_or_made_anew_shows_no_arrival(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    add(client, 3)
    do(client, 3)
    source = stream_source(server)
    ledger = record(Ledger.empty("jobs"), await listening.to(source).sample(), SourceSpec("jobs"))
    client.xtrim("jobs", maxlen=0)
    for is_new in (False, True):
        if is_new:
            client.delete("jobs")
            client.xgroup_create("jobs", "workers", id="0", mkstream=True)
        else:
            client.xgroup_setid("jobs", "workers", "0")
        ledger = record(ledger, await listening.to(source).sample(), SourceSpec("jobs"))
        assert (reading(ledger).queued, reading(ledger).arrived) == (0, 0)
    add(client, 1)
    do(client, 1)
    ledger = record(ledger, await listening.to(source).sample(), SourceSpec("jobs"))
    assert (reading(ledger).arrived, reading(ledger).completed) == (1, 1)


async def test_other_groups_do_not_count(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    client.xgroup_create("jobs", "auditors", id="0")
    add(client, 4)
    deliver(client, 3)
    sample = await listening.to(stream_source(server, group="auditors")).sample()
    assert (sample.queued, sample.in_flight) == (4, 0)


async def test_a_missing_stream_is_an_outage_until_the_command_in_its_message_is_run(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    listener = listening.to(stream_source(server))
    outage = await listener.unavailable("StreamMissing")
    command = outage.message.partition("create it with: ")[2].rstrip(".")
    run(client, *command.split())
    assert (await listener.sample()).queued == 0


async def test_a_missing_group_is_an_outage_until_the_command_in_its_message_is_run(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    add(client, 2)
    listener = listening.to(stream_source(server))
    outage = await listener.unavailable("GroupMissing")
    command = outage.message.partition("create it with: ")[2].rstrip(".")
    run(client, *command.split())
    assert (await listener.sample()).queued == 2


async def test_a_key_of_another_type_is_named_with_what_it_holds(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.lpush("jobs", "work")
    outage = await listening.to(stream_source(server)).unavailable("WrongType")
    assert "'jobs' holds a list, not a stream" in outage.message
