"""Logins: users, rotation, permissions, and who shares a connection with whom."""

from collections.abc import Callable

import pytest
import redis

from hack.testing.redis_server import LocalRedis, run
from hack.testing.waiting import eventually
from poolkeeper.api.demand import RedisAuth, SecretKey
from poolkeeper.sources.base import PoolKey
from poolkeeper.sources.redis.errors import RIGHTS
from tests.integration.redis.sources import LOGIN, list_source, stream_source
from tests.integration.sources.listening import POOL, Listening

PASSWORD = "correct-horse"
ROTATED = "battery-staple"
USER = RedisAuth(username="poolkeeper", password_secret=SecretKey(name="login", key="password"))
LIST_RIGHTS = tuple(RIGHTS["lists"].split())
STREAM_RIGHTS = tuple(RIGHTS["streams"].split())


def secret(listening: Listening, value: str, namespace: str = POOL.namespace) -> None:
    listening.secrets.contents[namespace, "login"] = {"password": value.encode() + b"\n"}


def add_user(client: redis.Redis, *rights: str, name: str = "poolkeeper") -> None:
    run(client, "ACL", "SETUSER", name, "reset", "on", f">{PASSWORD}", "~*", *rights)


def connections(client: redis.Redis) -> int:
    """Open connections besides the one that asks."""
    return len(client.client_list()) - 1


async def test_a_password_from_a_secret_logs_in(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.config_set("requirepass", PASSWORD)
    secret(listening, PASSWORD)
    await listening.to(list_source(server, auth=LOGIN)).sample()


async def test_a_server_that_asks_for_a_login_says_so(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    client.config_set("requirepass", PASSWORD)
    outage = await listening.to(list_source(server)).unavailable("AuthRequired")
    assert "auth.passwordSecret" in outage.message


async def test_a_password_for_a_server_without_one_says_so(server: LocalRedis, listening: Listening) -> None:
    secret(listening, PASSWORD)
    outage = await listening.to(list_source(server, auth=LOGIN)).unavailable("AuthRejected")
    assert "remove auth" in outage.message


async def test_a_rotated_password_is_read_at_once_when_the_old_one_is_refused(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    add_user(client, *LIST_RIGHTS)
    secret(listening, PASSWORD)
    listener = listening.to(list_source(server, auth=USER))
    await listener.sample()
    run(client, "ACL", "SETUSER", "poolkeeper", "resetpass", f">{ROTATED}")
    client.client_kill_filter(_type="normal", skipme=True)
    await listener.unavailable("AuthRejected")
    secret(listening, ROTATED)
    await listener.sample()
    await eventually(lambda: connections(client) == 1, "one connection is left")


@pytest.mark.parametrize(
    ("rights", "declare"),
    [(LIST_RIGHTS, list_source), (STREAM_RIGHTS, stream_source)],
    ids=["list", "stream"],
)
async def test_the_rights_that_a_message_names_suffice(
    server: LocalRedis,
    client: redis.Redis,
    listening: Listening,
    rights: tuple[str, ...],
    declare: Callable[..., object],
) -> None:
    add_user(client, *rights)
    client.xgroup_create("stream", "workers", id="0", mkstream=True)
    client.xadd("stream", {"body": "work"})
    secret(listening, PASSWORD)
    source = (
        list_source(server, auth=USER, processing_list="taken")
        if declare is list_source
        else stream_source(server, stream="stream", auth=USER)
    )
    await listening.to(source).sample()


async def test_a_missing_right_is_named(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    add_user(client, "+info")
    secret(listening, PASSWORD)
    outage = await listening.to(list_source(server, auth=USER)).unavailable("PermissionDenied")
    assert "'llen'" in outage.message
    assert RIGHTS["lists"] in outage.message


async def test_a_restart_shows_even_to_a_user_who_may_not_ask_for_the_run_id(
    start_redis: Callable[..., LocalRedis], listening: Listening
) -> None:
    server = start_redis("--user", "poolkeeper", "on", f">{PASSWORD}", "~*", "+llen")
    secret(listening, PASSWORD)
    listener = listening.to(list_source(server, auth=USER))
    before, again = await listener.sample(), await listener.sample()
    server.stop()
    server.start()
    after = await listener.sample(lambda sample: sample.server_id != before.server_id)
    assert before.server_id == again.server_id != after.server_id


async def test_two_credentials_never_share_a_connection(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    add_user(client, *LIST_RIGHTS, name="one")
    add_user(client, *LIST_RIGHTS, name="two")
    secret(listening, PASSWORD)
    for name in ("one", "two"):
        user = USER.model_copy(update={"username": name})
        pool = PoolKey(POOL.namespace, name)
        await listening.to(list_source(server, auth=user), pool=pool).sample(pool=pool)
    assert sorted(each["user"] for each in client.client_list()) == ["default", "one", "two"]


async def test_namespaces_with_different_secrets_never_share_a_connection(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    add_user(client, f">{ROTATED}", *LIST_RIGHTS)
    for namespace, password in (("one", PASSWORD), ("two", ROTATED), ("three", ROTATED)):
        secret(listening, password, namespace)
        pool = PoolKey(namespace, "chat")
        await listening.to(list_source(server, auth=USER), pool=pool).sample(pool=pool)
    await eventually(lambda: connections(client) == 2, "one connection for each login")


async def test_a_secret_is_read_once_for_all_pools_of_its_namespace_and_never_from_another(
    server: LocalRedis, client: redis.Redis, listening: Listening
) -> None:
    add_user(client, *LIST_RIGHTS)
    secret(listening, PASSWORD)
    pools = [PoolKey(POOL.namespace, f"pool-{number}") for number in range(50)]
    stranger = PoolKey("elsewhere", "chat")
    for pool in [*pools, stranger]:
        listening.to(list_source(server, auth=USER), pool=pool)
    outage = await listening.listener.unavailable(pool=stranger)
    await listening.listener.sample(pool=pools[-1])
    assert outage.reason == "SecretNotFound"
    assert listening.secrets.reads.count((POOL.namespace, "login")) == 1
    assert connections(client) == 1
