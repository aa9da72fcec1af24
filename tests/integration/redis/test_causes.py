"""Every cause that keeps a queue from being read, against real sockets: the message names the source, its
address, the cause and what to do, and no credential."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hack.testing.ports import free_port
from hack.testing.redis_server import LocalRedis, run
from poolkeeper.api.demand import DemandSource, RedisAuth, RedisList, RedisTls, SecretKey
from tests.integration.redis.impostors import impostor, to_each_command
from tests.integration.redis.sources import LOGIN, stream_source
from tests.integration.sources.listening import POOL, Listening

PASSWORD = "correct-horse"
USER = RedisAuth(username="poolkeeper", password_secret=SecretKey(name="login", key="password"))


def jobs(address: str, **connection: Any) -> DemandSource:
    """The source `jobs` at an address."""
    queue = RedisList(address=address, list="jobs", **connection)
    return DemandSource(name="jobs", redis_list=queue, poll_milliseconds=100)


async def check(listening: Listening, source: DemandSource, reason: str, text: str) -> None:
    """What is published about the source."""
    listening.secrets.contents.setdefault((POOL.namespace, "login"), {"password": PASSWORD.encode()})
    outage = await listening.to(source).unavailable(reason)
    await listening.hub.close()
    queue = source.redis_list or source.redis_stream
    assert queue is not None
    assert outage.message.startswith(f"source {source.name} ({queue.address}): ")
    assert text in outage.message
    assert not outage.message.endswith(".")
    assert PASSWORD not in repr(listening.listener.heard)


@pytest.mark.parametrize(
    ("reply", "reason", "text"),
    [
        (b"-NOAUTH Authentication required.", "AuthRequired", "asks for a login; name a Secret"),
        (b"-LOADING Redis is loading", "Loading", "is loading its data set; the operator asks again"),
        (
            b"-MASTERDOWN Link with MASTER is down",
            "MasterDown",
            "without its master; use the address of a ma",
        ),
        (b"-CLUSTERDOWN The cluster is down", "ClusterDown", "belongs to a Redis Cluster that is down"),
        (b"-MOVED 3999 10.0.0.1:6381", "NotThisNode", "does not hold this key; use the address of the one"),
        (b"-ASK 3999 10.0.0.1:6381", "NotThisNode", "is handing this key over; the operator asks it again"),
        (b"-BUSY Redis is busy", "Busy", "blocked by a long-running script; end the script with SCRIPT KILL"),
        (
            b"-DENIED Redis is running in protected mode",
            "ProtectedMode",
            "give it a password, or set protected",
        ),
        (b"-ERR max number of clients reached", "ServerError", "ERR max number of clients reached"),
        (b"HTTP/1.1 400 Bad Request", "NotRedis", "does not speak the Redis protocol; check the port"),
        (b":1", "ServerError", "with something that is not"),
    ],
)
async def test_what_a_server_answers(listening: Listening, reply: bytes, reason: str, text: str) -> None:
    processing = {"processing_list": "taken"} if reply == b":1" else {}
    async with impostor(to_each_command(reply + b"\r\n")) as address:
        await check(listening, jobs(address, **processing), reason, text)


async def test_a_name_that_does_not_exist(listening: Listening) -> None:
    await check(
        listening, jobs("no-such-host.invalid:6379"), "NameNotFound", "the name 'no-such-host.invalid'"
    )


async def test_a_name_about_which_dns_is_silent(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a cluster has no such name, it asks DNS servers outside, which may be out of reach."""

    async def silent(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    text = "DNS gives no answer about the name 'queue'"
    await check(listening, jobs("queue:6379"), "NameNotFound", text)


async def test_nothing_listens_on_the_port(listening: Listening) -> None:
    text = "the connection was refused: nothing listens on this port; check the port"
    await check(listening, jobs(f"127.0.0.1:{free_port()}"), "ConnectionRefused", text)


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An address that answers no attempt to connect: the places of those who wait are taken."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


async def test_an_address_that_leads_nowhere(listening: Listening, unreachable: str) -> None:
    text = "no connection within 2 s, and no refusal; check the address, and that no NetworkPolicy"
    await check(listening, jobs(unreachable), "Timeout", text)


async def test_a_server_that_accepts_and_says_nothing(listening: Listening) -> None:
    async with impostor(lambda _: b"") as address:
        text = "accepted the connection and did not answer within 2 s"
        await check(listening, jobs(address), "Timeout", text)


async def test_an_address_that_is_not_allowed(listening: Listening) -> None:
    text = "connecting to 169.254.169.254 is not allowed, because it is a cloud metadata service"
    await check(listening, jobs("169.254.169.254:6379"), "AddressDenied", text.partition(" a cloud")[0])


async def test_tls_declared_for_a_server_that_is_no_redis_at_all(listening: Listening) -> None:
    async with impostor(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        await check(listening, jobs(address, tls=RedisTls()), "TlsFailed", "does this port speak TLS?")


async def test_a_wrong_password(listening: Listening, start_redis: Callable[..., LocalRedis]) -> None:
    server = start_redis("--requirepass", "battery-staple")
    text = "the server refused the user name or password; correct the Secret named under auth"
    await check(listening, jobs(server.address, auth=LOGIN), "AuthRejected", text)


async def test_a_missing_right(listening: Listening, start_redis: Callable[..., LocalRedis]) -> None:
    server = start_redis("--user", "poolkeeper", "on", f">{PASSWORD}", "~*", "+info")
    text = "the Redis user may not read 'jobs' (NOPERM"
    await check(listening, jobs(server.address, auth=USER), "PermissionDenied", text)


async def test_a_key_of_another_type(listening: Listening, server: LocalRedis) -> None:
    with contextlib.closing(server.client) as client:
        run(client, "SET", "jobs", "x")
    text = "key 'jobs' holds a string, not a list; correct the key in the pool's demand"
    await check(listening, jobs(server.address), "WrongType", text)


async def test_a_stream_without_its_group(listening: Listening, server: LocalRedis) -> None:
    await check(
        listening, stream_source(server), "StreamMissing", "there is no stream 'jobs'; create it with: "
    )


async def test_a_secret_that_does_not_exist(listening: Listening) -> None:
    source = jobs("127.0.0.1:1", auth=RedisAuth(password_secret=SecretKey(name="other", key="password")))
    listening.secrets.contents[POOL.namespace, "login"] = {}
    outage = await listening.to(source).unavailable("SecretNotFound")
    assert outage.message.startswith("source jobs (127.0.0.1:1): Secret other does not exist")


async def test_a_key_that_a_secret_lacks(listening: Listening) -> None:
    source = jobs("127.0.0.1:1", auth=RedisAuth(password_secret=SecretKey(name="login", key="pass")))
    await check(
        listening, source, "SecretKeyMissing", "Secret login has no key pass: add it, or name another"
    )
