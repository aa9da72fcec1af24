"""A cluster of the test's own, Services with activators, and clocks that need not be waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio

from hack.testing.clocks import VirtualTimeLoop
from tests.component.controller.fake_cluster import FakeCluster
from tests.component.controller.front.http_scene import ONE, QUICK, HttpScene


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
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[HttpScene]:
    """One activator, and the Service `chat`; nothing runs yet. A parameter gives other times."""
    made = HttpScene(timing=getattr(request, "param", QUICK))
    made.add_activator(ONE)
    made.add_service()
    yield made
    made.close()
