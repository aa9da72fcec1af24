"""What the EndpointSlices of one pool should be."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from poolkeeper.core.front.seen import SeenActivator, SeenPool
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.front.switching import Step
from poolkeeper.core.values.identity import PoolKey


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


def endpoints_of(pool: SeenPool, made: Step, wanted: tuple[ActivatorSlice, ...]) -> Endpoints:
    """Where activators should be, given what the pool's switch wants."""
    service = pool.http.service
    if pool.takes_part is None:
        return Endpoints(Presence.STAY, service, wanted)
    if not pool.takes_part:
        return Endpoints(Presence.LEAVE)
    if made.wants_activators:
        return Endpoints(Presence.JOIN, service, wanted)
    return Endpoints(Presence.LEAVE, service, wanted, after=frozenset(pod.uid for pod in pool.ready))


@dataclass(frozen=True, slots=True)
class Joining:
    """One address of an activator that new requests may be sent to."""

    address: str
    family: str
    """IPv4 or IPv6."""
    unbound_ports: frozenset[int]
    """Ports that the activator can't listen on."""


def joining(activators: Iterable[SeenActivator]) -> tuple[Joining, ...]:
    """The addresses that may be endpoints of any Service, sorted: the same for all pools."""
    found = [
        Joining(address, "IPv6" if ":" in address else "IPv4", frozenset(each.report.unbound_ports))
        for each in activators
        if each.may_join and each.report
        for address in each.addresses
    ]
    return tuple(sorted(found, key=lambda each: each.address))


def wanted_slices(
    key: PoolKey, pool: SeenPool, listen_port: int, may_join: tuple[Joining, ...]
) -> tuple[ActivatorSlice, ...]:
    """The activators as endpoints of the Service, per address family; none without an activator."""
    service, made = pool.service, []
    for family in service.families if service and listen_port else ():
        addresses = tuple(
            each.address
            for each in may_join
            if each.family == family and listen_port not in each.unbound_ports
        )
        if addresses and service:
            made.append(
                ActivatorSlice(
                    pool=key,
                    pool_uid=pool.uid,
                    service=pool.http.service,
                    family=family,
                    addresses=addresses,
                    ports=((service.port_name, listen_port),),
                )
            )
    return tuple(made)
