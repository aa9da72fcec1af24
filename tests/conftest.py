"""The event loop of asynchronous tests: real, or with a clock that jumps."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings

from hack.testing.clocks import VirtualTimeLoop

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
"""A test that takes 300 ms on a machine that is busy with other tests shows nothing."""


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The clock jumps from timer to timer in tests that carry the mark `virtual_time`."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}
