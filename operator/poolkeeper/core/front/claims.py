"""Who has a Service, and which port of the activators stands for it."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from poolkeeper.api.activation import PoolRoute, PortRoute
from poolkeeper.core.front.seen import SeenPool
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey

FIRST_PORT, PORTS = 20_000, 10_000
"""Ports that activators listen on: 20000 to 29999."""
HELD_UNREAD_SECONDS = 60
"""How long requests are held for a pool of which only the slice can be read."""


def owners(pools: Mapping[PoolKey, SeenPool]) -> dict[PoolKey, PoolKey]:
    """The pool that has a Service, for each other pool that names the same Service.

    The oldest pool has it, by name among equals, as with targets: two would rewrite each other's slice.
    """
    if len({(key.namespace, pool.http.service) for key, pool in pools.items()}) == len(pools):
        return {}
    first: dict[tuple[str, str], PoolKey] = {}
    found: dict[PoolKey, PoolKey] = {}
    for _, key in sorted((pool.created_at, key) for key, pool in pools.items()):
        owner = first.setdefault((key.namespace, pools[key].http.service), key)
        if owner != key:
            found[key] = owner
    return found


def shared_service(service: str, owner: PoolKey) -> Verdict:
    """The verdict about the Service for a pool that does not have it."""
    message = (
        f"pool {owner.name} names the same Service {service} and is older: give each pool a Service of its "
        "own, or delete one of them. For this pool nothing is held, and its replicas stay as they are."
    )
    return Verdict(False, "ServiceShared", message)


def choose_port(
    key: PoolKey, http_port: tuple[str, int], slices: Iterable[ActivatorSlice], taken: set[int]
) -> int:
    """The activators' port for a port of a Service (its name and number): the one that a slice of the pool
    records, else one that no other pool has; 0 if there is none."""
    service, service_port = http_port
    known = list(slices)
    recorded = [port for each in known if each.pool == key and each.service == service for port in _of(each)]
    elsewhere = {port for each in known if each.pool != key for port in _of(each)} | taken
    start = zlib.crc32(f"{key.namespace}/{service}/{service_port}".encode())
    candidates = (FIRST_PORT + (start + offset) % PORTS for offset in range(PORTS))
    return next((port for port in chain(recorded, candidates) if port not in elsewhere), 0)


def routes_by_slices(slices: Iterable[ActivatorSlice]) -> list[PoolRoute]:
    """Routes that only hold, for pools of which nothing but a slice is known.

    Without a route, an activator would refuse their requests and close their ports.
    """
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
