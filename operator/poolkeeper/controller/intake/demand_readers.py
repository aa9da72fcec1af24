"""Hands each source of a pool to whoever reads its kind."""

from collections.abc import Sequence
from typing import Protocol

from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.identity import PoolKey


class Reader(Protocol):
    """Reads some kinds of sources."""

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Read exactly these."""

    def forget(self, pool: PoolKey) -> None:
        """Read nothing any more."""


class DemandReaders:
    """Queues are polled by the hub, requests to Services are followed with the activators."""

    def __init__(self, queues: Reader, services: Reader) -> None:
        self._queues = queues
        self._services = services

    def assign(self, pool: PoolKey, sources: tuple[DemandSource, ...]) -> None:
        """Read exactly these."""
        self._queues.assign(pool, [source for source in sources if source.http is None])
        self._services.assign(pool, [source for source in sources if source.http is not None])

    def forget(self, pool: PoolKey) -> None:
        """Read nothing any more."""
        self._queues.forget(pool)
        self._services.forget(pool)
