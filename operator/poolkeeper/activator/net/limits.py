"""What one activator process takes on, at most."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold for all pools and clients together, or for each connection."""

    total_requests: int = 20_000
    """Requests that are held or at a replica; more are refused with 503 ActivatorFull."""
    total_bytes: int = 192 * MIB
    """Bytes of bodies in memory; a client whose body has no room waits in sending it."""
    total_head_bytes: int = 64 * MIB
    """Bytes of heads in memory, and of what came with a head. A head can't wait in sending, so a request
    beyond this is refused with 503 ActivatorFull."""
    body_bytes: int = 1 * MIB
    """Bytes of one body in memory; the rest waits with the client."""
    connections: int = 24_000
    """Open client connections; one more is reset at once."""
    head_bytes: int = 64 * KIB
    """Bytes of one request's head; a longer one is refused with 431."""
    header_lines: int = 200
    """Header lines of one request; more are refused with 431."""
    head_seconds: float = 10.0
    """Time for a whole head, from its first byte; then 408."""
    idle_seconds: float = 60.0
    """How long a connection may stay open without a request."""
    body_seconds: float = 60.0
    """Longest pause within a body; then 408."""
    stall_seconds: float = 60.0
    """How long a client may read nothing of an answer that waits for it; it is then cut off, because until
    then it occupies a replica."""
    connect_seconds: float = 1.0
    linger_seconds: float = 2.0
    """How long a client that is still sending may take to read an answer before the connection is closed."""
    refused_pause_seconds: float = 0.05
    """How long a replica that accepted no connection gets no further request."""
    acceptance_seconds: float = 0.1
    """How long a connection must stay open until it counts as accepted, at a replica that may not listen."""
    try_again_seconds: float = 1.0
    """Pause between two tries of a replica without a readiness probe that has accepted no connection yet."""
    tries_at_once: int = 64
    """Such replicas that are being connected to at the same time."""
    leaving_seconds: float = 1.0
    """How long a new connection may take for its first request while connections are sent to the pods (its
    client was sent here a moment ago), and how long an HTTP/2 client has to read a first GOAWAY."""
    absence_seconds: float = 30.0
    """How long a pool may be missing from the tables before its requests are refused: as long as a table is
    valid, so that an activator keeps a pool for as long as it trusts the controller."""
