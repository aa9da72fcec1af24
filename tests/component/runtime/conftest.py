"""A cluster of the test's own."""

import pytest

from tests.component.runtime.cluster import Cluster


@pytest.fixture
def cluster() -> Cluster:
    """Where everything is in the test's hands."""
    return Cluster()
