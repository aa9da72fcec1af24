"""Servers that restart, hang or drop connections, and what the pools on other servers notice: nothing."""

import contextlib
from collections.abc import Callable

from hack.testing.redis_server import LocalRedis
from poolkeeper.core.values.ledger import Sample
from poolkeeper.sources.base import PoolKey
from tests.integration.redis.sources import list_source
from tests.integration.sources.listening import POOL, Listening

OTHER = PoolKey("serving", "other")


async def test_a_restart_with_the_same_data_shows_as_another_server(
    start_redis: Callable[..., LocalRedis], listening: Listening
) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always")
    with contextlib.closing(server.client) as client:
        client.lpush("jobs", "work", "work")
    listener = listening.to(list_source(server))
    before = await listener.sample()
    server.stop()
    await listener.unavailable("ConnectionRefused")
    server.start()
    after = await listener.sample()
    assert (before.queued, after.queued) == (2, 2)
    assert before.server_id != after.server_id


async def test_a_server_that_drops_an_idle_connection_is_not_an_outage(
    server: LocalRedis, listening: Listening
) -> None:
    listener = listening.to(list_source(server))
    with contextlib.closing(server.client) as client:
        for _ in range(3):
            await listener.sample()
            client.client_kill_filter(_type="normal", skipme=True)
    await listener.sample()
    outcomes = [outcome for _, outcome in listener.heard]
    assert all(isinstance(outcome, Sample) for outcome in outcomes)
    assert len({outcome.server_id for outcome in outcomes if isinstance(outcome, Sample)}) == 1


async def test_a_frozen_server_does_not_delay_another(
    start_redis: Callable[..., LocalRedis], listening: Listening
) -> None:
    frozen, healthy = start_redis(), start_redis()
    listener = listening.to(list_source(frozen))
    listening.to(list_source(healthy), pool=OTHER)
    await listener.sample()
    await listener.sample(pool=OTHER)
    frozen.pause()
    start = len(listener.heard)
    await listener.unavailable("Timeout")
    meanwhile = [outcome for pool, outcome in listener.heard[start:] if pool == OTHER]
    # 2 s at a poll each 0.1 s; a machine under load may do with far fewer, a delayed pool with two at most
    assert len(meanwhile) >= 4
    assert all(isinstance(outcome, Sample) for outcome in meanwhile)


async def test_an_outage_ends_when_the_pool_names_another_server(
    start_redis: Callable[..., LocalRedis], listening: Listening
) -> None:
    gone, healthy = start_redis(), start_redis()
    gone.stop()
    listener = listening.to(list_source(gone))
    await listener.unavailable("ConnectionRefused")
    listening.to(list_source(healthy))
    await listener.sample()
    assert POOL in {pool for pool, _ in listener.heard}


async def test_a_name_that_does_not_resolve_is_an_outage(server: LocalRedis, listening: Listening) -> None:
    source = list_source(server)
    assert source.redis_list is not None
    queue = source.redis_list.model_copy(update={"address": "no-such-host.invalid:6379"})
    await listening.to(source.model_copy(update={"redis_list": queue})).unavailable("NameNotFound")
