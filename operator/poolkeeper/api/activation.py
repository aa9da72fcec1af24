"""The messages between the controller and the activators, as JSON over an authenticated channel.

The controller sends every activator a whole `RoutingTable`; an activator answers with a stream of `Report`s.
Waiting times travel as ages, never as instants, so that the two clocks need not agree.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from poolkeeper.api.base import ApiModel

Port = Annotated[int, Field(ge=1, le=65_535)]
Age = Annotated[float, Field(ge=0)]
Total = Annotated[int, Field(ge=0)]


def _on_the_wire(sent: str, also_read: str) -> Any:
    """A field that is sent under a name of earlier releases and read under both.

    During an upgrade, controllers and activators of two releases talk to each other: a table that an older
    activator can't read would leave it without replicas after 30 s.
    """
    return Field(validation_alias=AliasChoices(sent, also_read), serialization_alias=sent)


ROUTES_PATH = "/v1/routes"
REPORTS_PATH = "/v1/reports"


class FairBy(StrEnum):
    """How clients are distinguished while held requests take turns."""

    API_KEY = "ApiKey"
    HEADER = "Header"
    ADDRESS = "Address"


class Replica(ApiModel):
    """One ready pod, and how many requests at once this activator may give it."""

    address: str
    """IP of the pod."""
    slots: Total
    """Requests that this activator may have at the pod at the same time: its lease of the concurrency."""


class PortRoute(ApiModel):
    """One port of one Service; the port that a request arrives at is all that selects it."""

    service: str
    listen_port: Port
    """Port of the activator that stands for this port of the Service."""
    backend_port: Port
    """Port of the pods."""


class PoolRoute(ApiModel):
    """All that an activator knows of a pool."""

    namespace: str
    name: str
    ports: tuple[PortRoute, ...]
    """Ports that lead to the pool."""
    replicas: tuple[Replica, ...] = ()
    """Ready pods; none while the pool is at zero."""
    unprobed: tuple[str, ...] = ()
    """Addresses among `replicas` of pods without a readiness probe: Ready says of these only that the process
    runs, so each is tried until it accepts a connection. At the latest when it leaves the table, what was
    seen of it is forgotten."""
    redirects_to_pods: Annotated[bool, _on_the_wire("leavesPath", "redirectsToPods")] = False
    """Whether clients should open new connections, because the pods now answer the Service themselves."""
    hold_seconds: Annotated[int, Field(ge=1)]
    """Longest that a request without a time limit of its own is held."""
    ready_in_seconds: Age | None = None
    """When the next replica is expected, from the learned start time; None until it has been learned."""
    start_trouble: str = ""
    """Why starts of the pool do not succeed, in a few words for its callers; empty while none fails."""
    held_requests: Annotated[int, Field(ge=1)] = 10_000
    """Most requests held for this pool."""
    held_bytes: Annotated[int, Field(ge=0)] = 64 * 1024 * 1024
    """Most bytes of request bodies kept in memory for this pool; beyond it clients wait in sending."""
    fair_by: FairBy = FairBy.API_KEY
    """What a client is."""
    fair_header: str | None = None
    """With fairBy Header: its name."""
    heartbeat_seconds: Annotated[int, Field(ge=0)] = 0
    """How often a held event stream gets a comment; 0 for never."""

    @property
    def key(self) -> str:
        """`namespace/name`, for logs and metrics."""
        return f"{self.namespace}/{self.name}"


class RoutingTable(ApiModel):
    """Everything an activator serves; it replaces the table before it unless it is older."""

    table_version: Annotated[int, Field(ge=0), _on_the_wire("issue", "tableVersion")]
    """Grows with every table, also across controllers: Unix milliseconds of the leader that made it."""
    valid_seconds: Annotated[int, Field(ge=1)] = 30
    """After this without a newer table the replicas count as gone: their addresses may belong to others."""
    pools: tuple[PoolRoute, ...] = ()


class WaitingRequests(ApiModel):
    """Requests that have waited for about the same time."""

    age_seconds: Age
    """How long they have waited."""
    requests: Annotated[int, Field(ge=1)]
    """How many they are."""


class PoolReport(ApiModel):
    """What one activator holds and has done for one pool since it started."""

    namespace: str
    name: str
    waiting: tuple[WaitingRequests, ...] = ()
    """Held requests, oldest first, at most 64 entries."""
    expected_back: Total = 0
    """Clients that were asked to retry later (503 with Retry-After) and may still do so: demand that is not
    held."""
    in_flight: Total = 0
    """Requests that replicas are working on through this activator."""
    at_replicas: Annotated[dict[str, int], Field(default_factory=dict)]
    """The same by the replica's address, where there are any."""
    accepting: tuple[str, ...] | None = None
    """Addresses of `unprobed` replicas that accepted a connection when they were tried last; None from an
    activator of a release that does not try them."""
    arrived: Total = 0
    """Requests that came."""
    completed: Total = 0
    """Requests that a replica answered."""


class Report(ApiModel):
    """One activator's state at one instant."""

    activator: str
    """Name of the activator's pod and of its present process."""
    table_version: Annotated[int, Field(ge=0), _on_the_wire("issue", "tableVersion")]
    """Version of the table in force; 0 before the first."""
    unbound_ports: tuple[int, ...] = ()
    """Ports of the table that could not be listened on."""
    is_stopping: bool = False
    """Whether it is terminating and only finishes what it holds."""
    pools: tuple[PoolReport, ...] = ()
    """All pools of the table in force, and those that still have requests here."""
