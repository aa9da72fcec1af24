"""Servers in odd states and servers that are none: an outage with a reason, never a number or a leak."""

import pytest

from poolkeeper.api.demand import DemandSource, RedisList
from tests.integration.redis.impostors import impostor, to_each_command
from tests.integration.redis.sources import LOGIN
from tests.integration.sources.listening import POOL, Listening

PASSWORD = b"correct-horse"


def list_at(address: str, **fields: object) -> DemandSource:
    queue = RedisList.model_validate({"address": address, "list": "jobs", **fields})
    return DemandSource(name="queue", redis_list=queue, poll_milliseconds=100)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "Loading"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MasterDown"),
        (b"-CLUSTERDOWN The cluster is down\r\n", "ClusterDown"),
        (b"-MOVED 3999 10.0.0.1:6381\r\n", "NotThisNode"),
        (b"-BUSY Redis is busy running a script\r\n", "Busy"),
        (b"-ERR unknown command\r\n", "ServerError"),
        (b"$4\r\nmany\r\n", "ServerError"),
        (b"$-1\r\n", "ServerError"),
        (b"*0\r\n", "ServerError"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "NotRedis"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "NotRedis"),
        (b":1", "Timeout"),
        (b"", "Timeout"),
    ],
)
async def test_what_is_no_number_is_an_outage(listening: Listening, reply: bytes, reason: str) -> None:
    async with impostor(to_each_command(reply)) as address:
        await listening.to(list_at(address)).unavailable(reason)
        await listening.hub.close()


@pytest.mark.parametrize("reply", [b"-LOADING loading\r\n", b"$-1\r\n", b":1\r\n", b"*0\r\n", b"*-1\r\n"])
async def test_a_transaction_without_its_numbers_is_an_outage(listening: Listening, reply: bytes) -> None:
    async with impostor(to_each_command(reply)) as address:
        outage = await listening.to(list_at(address, processingList="taken")).unavailable()
        await listening.hub.close()
    assert outage.reason in {"Loading", "ServerError"}


async def test_a_server_that_repeats_the_password_does_not_get_it_published(listening: Listening) -> None:
    listening.secrets.contents[POOL.namespace, "login"] = {"password": PASSWORD}
    repeat = b"-ERR unknown command 'AUTH', with args beginning with: '" + PASSWORD + b"'\r\n"
    async with impostor(to_each_command(repeat)) as address:
        await listening.to(list_at(address, auth=LOGIN)).unavailable("AuthRejected")
        await listening.hub.close()
    assert PASSWORD.decode() not in repr(listening.listener.heard)


async def test_an_endless_reply_is_cut_off(listening: Listening) -> None:
    megabyte = b"$1048576\r\n" + b"x" * 1_048_576 + b"\r\n"
    async with impostor(lambda _: b"*1000000\r\n" + megabyte * 100) as address:
        await listening.to(list_at(address)).unavailable("ReplyTooLarge")
        await listening.hub.close()


async def test_a_servers_words_are_quoted_on_one_line_and_bounded(listening: Listening) -> None:
    async with impostor(to_each_command(b"-ERR \x1b[31m" + b"long " * 10_000 + b"\r\n")) as address:
        outage = await listening.to(list_at(address)).unavailable("ServerError")
        await listening.hub.close()
    assert outage.message.isprintable()
    assert len(outage.message) < 400
