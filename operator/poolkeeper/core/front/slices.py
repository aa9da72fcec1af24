"""The activators as endpoints of a Service: one EndpointSlice of ours per Service and address family."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from poolkeeper.core.values.identity import PoolKey


@dataclass(frozen=True, slots=True)
class ActivatorSlice:
    """Activators as endpoints of a Service, of one address family."""

    pool: PoolKey
    """The pool that owns the slice."""
    pool_uid: str
    """Uid of that pool."""
    service: str
    """Name of the Service."""
    family: str
    """IPv4 or IPv6."""
    addresses: tuple[str, ...]
    """Activators, sorted."""
    ports: tuple[tuple[str, int], ...]
    """Names of the Service's ports (empty for an unnamed one), each with the activators' port for it."""

    @property
    def name(self) -> str:
        """The object's name: one per Service and family."""
        return f"{self.service[:220]}-poolkeeper-{self.family.lower()}"


SliceName = tuple[str, str]
"""Namespace and name of a slice."""
Slices = Mapping[SliceName, ActivatorSlice]


def by_pool(slices: Slices) -> dict[PoolKey, dict[SliceName, ActivatorSlice]]:
    """The slices of each pool that has any."""
    found: dict[PoolKey, dict[SliceName, ActivatorSlice]] = {}
    for name, each in slices.items():
        found.setdefault(each.pool, {})[name] = each
    return found


def by_name(slices: Iterable[ActivatorSlice]) -> dict[SliceName, ActivatorSlice]:
    """Slices by namespace and name."""
    return {(each.pool.namespace, each.name): each for each in slices}
