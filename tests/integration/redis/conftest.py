"""A redis-server per test, and a hub that may connect to it."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis

from hack.testing.redis_server import LocalRedis
from tests.integration.sources.listening import Listening

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a real redis-server."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., LocalRedis]]:
    """Starts any number of servers, which are gone after the test."""
    started: list[LocalRedis] = []

    def start(*options: str, tls: dict[str, object] | None = None) -> LocalRedis:
        server = LocalRedis(tmp_path, *options)
        server.tls = tls or {}
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(start_redis: Callable[..., LocalRedis]) -> LocalRedis:
    """One server without a password."""
    return start_redis()


@pytest.fixture
def client(server: LocalRedis) -> Iterator[redis.Redis]:
    """A client of that server."""
    with contextlib.closing(server.client) as client:
        yield client


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    """A hub that may only connect to this machine."""
    hub = Listening()
    yield hub
    await hub.hub.close()
