"""Lists and streams keep the contract of all kinds of queues."""

import contextlib
from abc import ABC, abstractmethod
from typing import Any

import pytest
import redis

from hack.testing.redis_server import LocalRedis
from poolkeeper.api.demand import DemandSource
from tests.integration.redis.sources import LOGIN, list_source, stream_source
from tests.integration.sources.contract import QueueContract

PASSWORD = "the-right-one"


class RedisBench(ABC):
    def __init__(self, server: LocalRedis) -> None:
        self._server = server
        self.source = self.declare()
        self._create()

    @abstractmethod
    def declare(self, **connection: Any) -> DemandSource: ...

    @abstractmethod
    def put(self, jobs: int) -> None: ...

    @abstractmethod
    def take(self) -> None: ...

    def finish(self) -> None:
        return

    def _create(self) -> None:
        return

    def _client(self) -> contextlib.AbstractContextManager[redis.Redis]:
        return contextlib.closing(self._server.client)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()
        self._create()

    def freeze(self) -> None:
        self._server.pause()

    def thaw(self) -> None:
        self._server.resume()

    def require_login(self) -> DemandSource:
        with self._client() as client:
            client.config_set("requirepass", PASSWORD)
        return self.declare(auth=LOGIN)


class ListBench(RedisBench):
    def declare(self, **connection: Any) -> DemandSource:
        return list_source(self._server, **connection)

    def put(self, jobs: int) -> None:
        with self._client() as client:
            start = int(client.incrby("sequence", jobs))
            client.lpush("jobs", *range(start, start + jobs))

    def take(self) -> None:
        with self._client() as client:
            client.rpop("jobs")


class ProcessingListBench(ListBench):
    def declare(self, **connection: Any) -> DemandSource:
        return list_source(self._server, processing_list="taken", **connection)

    def take(self) -> None:
        with self._client() as client:
            client.lmove("jobs", "taken", "RIGHT", "LEFT")

    def finish(self) -> None:
        with self._client() as client:
            client.rpop("taken")


class StreamBench(RedisBench):
    def declare(self, **connection: Any) -> DemandSource:
        return stream_source(self._server, **connection)

    def _create(self) -> None:
        with self._client() as client, contextlib.suppress(redis.ResponseError):
            client.xgroup_create("jobs", "workers", id="0", mkstream=True)

    def put(self, jobs: int) -> None:
        with self._client() as client:
            for _ in range(jobs):
                client.xadd("jobs", {"body": "work"})

    def take(self) -> None:
        with self._client() as client:
            client.xreadgroup("workers", "worker-0", {"jobs": ">"}, count=1)

    def finish(self) -> None:
        with self._client() as client:
            pending = client.xpending_range("jobs", "workers", "-", "+", 1)
            client.xack("jobs", "workers", pending[0]["message_id"])


@pytest.fixture(params=[ListBench, ProcessingListBench, StreamBench])
def bench(request: pytest.FixtureRequest, server: LocalRedis) -> RedisBench:
    made: RedisBench = request.param(server)
    return made


class TestRedis(QueueContract):
    """Each promise, for each kind of queue in Redis."""
