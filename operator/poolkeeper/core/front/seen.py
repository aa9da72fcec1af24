"""What one turn looks at: pools, activators and EndpointSlices at one instant, as values.

Adapters in `controller.front` build them, so that a turn depends neither on Kubernetes' objects nor on how
they are read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from poolkeeper.api.activation import PoolReport, Report
from poolkeeper.api.demand import Http
from poolkeeper.core.front.slices import Slices
from poolkeeper.core.values.identity import PoolKey


@dataclass(frozen=True, slots=True)
class SeenService:
    """A Service, as far as activators can stand in for its pods."""

    families: tuple[str, ...]
    """IPv4, IPv6 or both."""
    port_name: str
    """Name of the port that the pool declares; may be empty."""
    backend_port: int
    """Port of the pods that this port leads to."""
    selector: tuple[tuple[str, str], ...] = ()
    """The labels by which it selects pods."""


@dataclass(frozen=True, slots=True)
class SeenPod:
    """A replica that is ready and not being deleted."""

    uid: str
    """Uid of the pod."""
    address: str
    """Its main IP."""
    is_probed: bool = True
    """Whether its serving container has a readiness probe: without one it is Ready when its process starts,
    long before it accepts a connection."""


@dataclass(frozen=True, slots=True)
class SeenPool:
    """One pool with an http source."""

    uid: str
    """Uid of the pool."""
    created_at: str
    """When the pool was created, as Kubernetes writes it."""
    http: Http
    """The declared source, the last that could be read."""
    concurrency: int
    """Requests at once that a replica takes."""
    hold_seconds: int
    """Longest that a request without a time limit of its own is held."""
    is_readable: bool = True
    """Whether the declaration of today can be read."""
    service: SeenService | None = None
    """The Service, the last that was read; None before that."""
    was_service_asked: bool = True
    """Whether the Service was read, or could not be."""
    takes_part: bool | None = True
    """Whether this pool writes the replicas of its target: False in mode Observe and beside another scaler,
    None while other scalers have not been looked for."""
    wants_zero: bool = False
    """Whether the last replicas should stop, or have stopped."""
    ready: tuple[SeenPod, ...] = ()
    """Ready replicas, by address."""
    idle_seen_at: float | None = None
    """When the last reading began that saw nothing wait and nothing in flight; None where something does, or
    where that is unknown."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Requests that replicas received past the activators, by address."""
    ready_in_seconds: float | None = None
    """When the next replica is expected; None until start times have been learned."""
    start_trouble: str = ""
    """Why starts do not succeed, in a few words; empty while none fails."""
    slice_writes: int = 0
    """How many slices of this pool were written so far.

    A slice that somebody deleted may be written again before a turn ever sees that it was gone; the number
    shows that clients were led away meanwhile.
    """


def unproven(pool: SeenPool, reports: Iterable[PoolReport]) -> tuple[SeenPod, ...]:
    """Ready replicas without a readiness probe that have accepted no connection of an activator yet.

    None where no activator reports it: those of earlier releases don't try.
    """
    unprobed = tuple(pod for pod in pool.ready if not pod.is_probed)
    if not unprobed or (accepted := accepting(reports)) is None:
        return ()
    return tuple(pod for pod in unprobed if pod.address not in accepted)


def accepting(reports: Iterable[PoolReport]) -> frozenset[str] | None:
    """Addresses of a pool's replicas without a readiness probe that accept connections, as far as it was
    tried; None where no activator reports it."""
    known = [report.accepting for report in reports if report.accepting is not None]
    return frozenset(address for addresses in known for address in addresses) if known else None


@dataclass(frozen=True, slots=True)
class SeenActivator:
    """One activator."""

    uid: str
    """Uid of its pod."""
    addresses: tuple[str, ...]
    """IPs of its pod."""
    takes_new: bool = True
    """Whether its pod is ready and not being deleted."""
    report: Report | None = None
    """What it reported last; None while it is silent."""
    pools: Mapping[PoolKey, PoolReport] = field(default_factory=dict)
    """The same by pool."""
    unsent_version: int = 0
    """Version of the table that still waits to be sent; 0 if none does."""
    failed_version: int = 0
    """Version of the last table that could not be delivered; 0 if none."""

    @property
    def may_join(self) -> bool:
        """Whether new requests may be sent to it: ready, heard, and not stopping."""
        return self.takes_new and self.report is not None and not self.report.is_stopping


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a turn may look at besides its own memory."""

    is_leading: bool
    """Whether this replica of the operator may write."""
    pools: Mapping[PoolKey, SeenPool]
    """The pools with an http source."""
    activators: tuple[SeenActivator, ...] = ()
    """The activators that run, also those that only finish what they hold."""
    slices: Slices | None = None
    """Our EndpointSlices; None until this leader has read them."""
    are_slices_recent: bool = True
    """Whether they were read lately: anybody may have deleted one since."""
    unread_pools: frozenset[PoolKey] = frozenset()
    """Pools whose declaration could never be read by this process: only their slices are known."""
    other_pools: frozenset[PoolKey] = frozenset()
    """Pools that have slices and no http source any more."""
