"""A leader for every test."""

import pytest

from tests.unit.core.front.leader import Leader


@pytest.fixture
def leader() -> Leader:
    """It has not taken a turn yet."""
    return Leader()
