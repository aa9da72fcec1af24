"""A cluster of the test's own, and a clock that need not be waited for where nothing else is."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.component.runtime.cluster import Cluster
from tests.component.runtime.virtual_time import VirtualTimeLoop

WAIT_FOR_TIMERS_ALONE = {"test_http_pools.py"}


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The clock of these tests jumps from timer to timer."""
    if item.path.name in WAIT_FOR_TIMERS_ALONE:
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture
def cluster() -> Cluster:
    """Where everything is in the test's hands."""
    return Cluster()
