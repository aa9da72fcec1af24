"""A cluster of the test's own, Services with activators."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.component.controller.fake_cluster import FakeCluster
from tests.component.controller.front.http_scene import ONE, QUICK, HttpScene


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
