"""Declared sources on a local server."""

from typing import Any

from hack.testing.redis_server import LocalRedis
from poolkeeper.api.demand import DemandSource, RedisAuth, RedisList, RedisStream, SecretKey

LOGIN = RedisAuth(password_secret=SecretKey(name="login", key="password"))


def list_source(server: LocalRedis, key: str = "jobs", **connection: Any) -> DemandSource:
    """Jobs in a list; `connection` holds further fields of RedisList."""
    queue = RedisList(address=server.address, list=key, **connection)
    return DemandSource(name="queue", redis_list=queue, poll_milliseconds=100)


def stream_source(
    server: LocalRedis, stream: str = "jobs", group: str = "workers", **connection: Any
) -> DemandSource:
    """Jobs in a stream; `connection` holds further fields of RedisStream."""
    queue = RedisStream(address=server.address, stream=stream, group=group, **connection)
    return DemandSource(name="queue", redis_stream=queue, poll_milliseconds=100)
