"""The activators' ports: which one stands for a pool, also while the pool's declaration can't be read."""

import zlib
from collections.abc import Iterable, Iterator

from poolkeeper.api.activation import PoolRoute, PortRoute
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.identity import PoolKey

FIRST_PORT, PORTS = 20_000, 10_000
HELD_UNREAD_SECONDS = 60
"""How long requests are held for a pool of which only the slice can be read."""


def choose_port(
    key: PoolKey, service: str, service_port: int, slices: Iterable[ActivatorSlice], taken: Iterable[int]
) -> int:
    """The port that a slice of the pool records, else one that nobody has; 0 if there is none."""
    known = list(slices)
    recorded = [port for each in known if each.pool == key and each.service == service for port in _of(each)]
    elsewhere = {port for each in known if each.pool != key for port in _of(each)} | set(taken)
    start = zlib.crc32(f"{key.namespace}/{service}/{service_port}".encode())
    candidates = (FIRST_PORT + (start + offset) % PORTS for offset in range(PORTS))
    return next((port for port in (*recorded, *candidates) if port not in elsewhere), 0)


def routes_by_slices(slices: Iterable[ActivatorSlice]) -> list[PoolRoute]:
    """Routes that only hold, for pools of which nothing else is known: left out of a table, their requests
    would be refused and their ports closed."""
    by_pool = {each.pool: each for each in slices if each.ports}
    return [
        PoolRoute(
            namespace=pool.namespace,
            name=pool.name,
            # No replica is named, so nothing is ever sent to the pods' port.
            ports=tuple(
                PortRoute(service=each.service, listen_port=port, backend_port=port) for port in _of(each)
            ),
            hold_seconds=HELD_UNREAD_SECONDS,
        )
        for pool, each in by_pool.items()
    ]


def _of(each: ActivatorSlice) -> Iterator[int]:
    return (port for _, port in each.ports)
