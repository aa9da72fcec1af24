"""A cluster of the test's own, Services with activators, and clocks that need not be waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio

from hack.testing.clocks import VirtualTimeLoop
from poolkeeper.controller.front import activators, http_pool, http_pools
from poolkeeper.sources.http.scrape import PoolLoad
from tests.component.controller.fake_cluster import FakeCluster
from tests.component.controller.http_scene import ONE, HttpScene, Link, Servers


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The clock jumps from timer to timer in tests that carry the mark `virtual_time`."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture
def cluster() -> FakeCluster:
    """Where everything is in the test's hands."""
    return FakeCluster()


@pytest_asyncio.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpScene]:
    """One activator, and the Service `chat`; nothing runs yet."""
    made = HttpScene()

    def link(address: str, *arguments: Any) -> Link:
        return made.links.setdefault(address, Link(address, *arguments))

    for module, name, value in (
        (activators, "ActivatorLink", link),
        (activators, "LOOK_EVERY_SECONDS", 0.02),
        (http_pool, "ModelServers", Servers),
        (http_pools, "TURN_AT_MOST_EVERY_SECONDS", 0.002),
        (http_pools, "TURN_AT_LEAST_EVERY_SECONDS", 0.02),
        (http_pools, "READ_AT_MOST_EVERY_SECONDS", 0.002),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(Servers, "load", PoolLoad(0, {}, False))
    monkeypatch.setattr(Servers, "problem", None)
    made.add_activator(ONE)
    made.add_service()
    yield made
    made.close()
