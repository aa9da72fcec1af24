"""One fleet for all tests of this folder, and a scene for each."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hack.testing.fleet import scene as scenes
from hack.testing.fleet.scene import Fleet, Scene


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A control plane of its own, since the operator watches all of its namespaces."""
    with scenes.fleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture
async def scene(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Scene]:
    """A namespace with a queue and no nodes."""
    async with scenes.scene(fleet, tmp_path) as made:
        yield made
