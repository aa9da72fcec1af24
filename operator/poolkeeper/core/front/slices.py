"""The activators as endpoints of a Service: one EndpointSlice of ours per Service and address family."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

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


class Presence(StrEnum):
    """What the activators should do with the endpoints of a Service."""

    JOIN = "Join"
    """Be endpoints."""
    STAY = "Stay"
    """Be endpoints where they are already, with the addresses of today; neither come nor go."""
    LEAVE = "Leave"
    """Be none."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the EndpointSlices of one pool should be."""

    presence: Presence
    service: str = ""
    """Name of the pool's Service; empty where the pool does not take part."""
    slices: tuple[ActivatorSlice, ...] = ()
    """The slices with the activators of today."""
    after: frozenset[str] | None = None
    """With LEAVE: uids of the ready pods, one of which has to be an endpoint first; None to leave at once.

    Kubernetes' own controller adds a ready pod when we learn that it is ready, or later: activators that left
    before it would leave the Service without any endpoint.
    """


def by_pool(slices: Slices) -> dict[PoolKey, dict[SliceName, ActivatorSlice]]:
    """The slices of each pool that has any."""
    found: dict[PoolKey, dict[SliceName, ActivatorSlice]] = {}
    for name, each in slices.items():
        found.setdefault(each.pool, {})[name] = each
    return found


def by_name(slices: Iterable[ActivatorSlice]) -> dict[SliceName, ActivatorSlice]:
    """Slices by namespace and name."""
    return {(each.pool.namespace, each.name): each for each in slices}
