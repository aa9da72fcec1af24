"""Many pools on few connections."""

import contextlib

import pytest

from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.core.values.ledger import Sample
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import PoolKey
from tests.integration.redis.sources import list_source
from tests.integration.sources.listening import POOL, Listening

POOLS = [PoolKey("serving", f"pool-{number}") for number in range(1_000)]


async def test_a_thousand_pools_are_read_over_one_connection_in_one_batch(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        for number, pool in enumerate(POOLS):
            client.lpush(f"jobs-{number}", *range(1 + number % 3))
            listening.to(list_source(server, key=f"jobs-{number}"), pool=pool)
        await listening.listener.sample(pool=POOLS[-1])
        mine = len(client.client_list()) - 1
        before = client.info("commandstats")["cmdstat_info"]["calls"]
        start = len(listening.listener.heard)
        await listening.listener.sample(pool=POOLS[-1])
        after = client.info("commandstats")["cmdstat_info"]["calls"]
    published = dict(listening.listener.heard[start:])
    depths = [outcome.queued for outcome in published.values() if isinstance(outcome, Sample)]
    assert mine == 1
    assert depths == [1 + number % 3 for number in range(1_000)]
    # every batch asks once who answers, and the test asked once itself
    assert after - before <= 3


async def test_a_connection_ends_with_its_last_pool(server: LocalRedis, listening: Listening) -> None:
    for pool in POOLS[:2]:
        await listening.to(list_source(server), pool=pool).sample(pool=pool)
    listening.hub.forget(POOLS[0])
    await listening.listener.sample(pool=POOLS[1])
    with contextlib.closing(server.client) as client:
        assert len(client.client_list()) == 2
        await listening.hub.close()
        # the server hears of the end when it gets to that socket, which may be after the next command
        await eventually(lambda: len(client.client_list()) == 1, "the connection ends")


async def test_assigning_the_same_sources_again_interrupts_nothing(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        await listening.to(list_source(server)).sample()
        connected = client.info("stats")["total_connections_received"]
        for _ in range(5):
            await listening.to(list_source(server)).sample()
        assert client.info("stats")["total_connections_received"] == connected


async def test_a_change_of_the_poll_interval_keeps_the_connection(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        await listening.to(list_source(server)).sample()
        connected = client.info("stats")["total_connections_received"]
        slower = list_source(server).model_copy(update={"poll_milliseconds": 200})
        await listening.to(slower).sample()
        await listening.listener.sample()
        assert client.info("stats")["total_connections_received"] == connected


@pytest.fixture
async def crowded(server: LocalRedis) -> Listening:
    return Listening(max_connections=1)


async def test_beyond_the_last_connection_a_pool_waits_for_room(
    server: LocalRedis, crowded: Listening
) -> None:
    await crowded.to(list_source(server), pool=POOLS[0]).sample(pool=POOLS[0])
    crowded.to(list_source(server, database=1), pool=POOLS[1])
    await crowded.listener.unavailable("TooManyConnections", pool=POOLS[1])
    crowded.hub.forget(POOLS[0])
    await crowded.listener.sample(pool=POOLS[1])
    await crowded.hub.close()


async def test_a_denied_address_is_never_connected_to(server: LocalRedis) -> None:
    strict = Listening(allowed=AddressPolicy())
    with contextlib.closing(server.client) as client:
        client.ping()
        connected = client.info("stats")["total_connections_received"]
        for host in ("127.0.0.1", "localhost"):
            source = list_source(server)
            assert source.redis_list is not None
            queue = source.redis_list.model_copy(update={"address": f"{host}:{server.port}"})
            denied = strict.to(source.model_copy(update={"redis_list": queue}))
            outage = await denied.unavailable("AddressDenied")
            assert "loopback" in outage.message
            assert "demand.allowedCidrs" in outage.message
        assert client.info("stats")["total_connections_received"] == connected
    await strict.hub.close()
    assert {pool for pool, _ in strict.listener.heard} == {POOL}
