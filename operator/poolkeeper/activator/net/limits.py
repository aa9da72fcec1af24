"""What one activator process takes on, at most."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold whatever pools and clients ask for.

       Bodies of held requests are kept in memory up to `body_bytes` each and `total_bytes` together (and the
    pool's own bound); beyond that a client's connection is not read from, so that it waits in sending.
    Heads, and what came with a head and has no place in those bounds, are kept up to `total_head_bytes`
    together: a head can't wait in sending, so a request beyond that is refused.

    `head_seconds` is how long a client may take for a request's head once it began, `idle_seconds` how
    long a connection may stay open between requests, `body_seconds` how long it may pause within a body.
    `stall_seconds` is how long a client may take nothing of its answer while more of it waits: until then
    it occupies a replica.

    `leaving_seconds` is how long a new connection may take for its first request where it has nothing to
    do (its client was sent here a moment ago), and an HTTP/2 client to learn that it is to go.

    `absence_seconds` is how long a pool may be missing from the tables before its requests are refused:
    as long as a table is valid, so that a pool is not given up sooner than the controller would be.
    """

    total_requests: int = 20_000
    total_bytes: int = 192 * MIB
    total_head_bytes: int = 64 * MIB
    body_bytes: int = 1 * MIB
    connections: int = 24_000
    head_bytes: int = 64 * KIB
    header_lines: int = 200
    head_seconds: float = 10.0
    idle_seconds: float = 60.0
    body_seconds: float = 60.0
    stall_seconds: float = 60.0
    connect_seconds: float = 1.0
    linger_seconds: float = 2.0
    refused_pause_seconds: float = 0.05
    leaving_seconds: float = 1.0
    absence_seconds: float = 30.0
