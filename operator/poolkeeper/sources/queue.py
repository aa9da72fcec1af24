"""What a kind of queue consists of: queues, the server they live on, and a session with that server."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from poolkeeper.api.demand import SecretKey
from poolkeeper.core.values.unmoved import Look
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import SourceFailure


@dataclass(frozen=True, slots=True)
class Depth:
    """How much work one queue holds; the fields mean the same as in `core.values.ledger.Sample`."""

    queued: int
    in_flight: int | None = None
    in_flight_marker: str = ""
    oldest_arrived_at: float | None = None
    last_taken: str = ""
    taken: int | None = None
    in_flight_look: Look | None = None
    untouched_seconds: float | None = None


Outcome = Depth | SourceFailure

SecretValues = Mapping[str, Mapping[str, bytes]]
"""The keys of every Secret that a queue names, by the Secret's name."""


class Session(Protocol):
    """An open connection to one server."""

    server_id: str
    """Differs after a restart of the server."""

    @property
    def quiet_seconds(self) -> float | None:
        """For how long at least no worker has taken a request on this server; None where that is not known.
        It only matters where a queue can't show requests that were taken."""

    async def read(self, queues: Sequence[Any]) -> list[Outcome]:
        """Read queues of this server, in one round trip where possible; one outcome per queue.

        Raises SourceFailure where the whole server can't be read; the session can't be used any more then.
        """

    def close(self) -> None:
        """Drop the connection at once."""


class Server(Hashable, Protocol):
    """Everything that a connection is made with, including credentials; equal servers share a connection."""

    async def open(self, allowed: AddressPolicy) -> Session:
        """Connect and log in; raises SourceFailure."""

    async def diagnosed(self, failure: SourceFailure, allowed: AddressPolicy) -> SourceFailure:
        """A failure of this server with its cause, where that takes a closer look; else the same failure."""


class Queue(Protocol):
    """One declared queue."""

    @property
    def address(self) -> str:
        """Where its server is, for messages."""

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the Secrets, in the pool's namespace, that are needed to connect."""

    def server(self, values: SecretValues) -> Server:
        """The server of this queue. Raises SourceFailure where a Secret lacks a key."""


def secret_value(key: SecretKey, values: SecretValues) -> bytes:
    """The value of one key of a Secret, without the line break at its end that editors add."""
    secret = values[key.name]
    if key.key not in secret:
        raise SourceFailure(
            "SecretKeyMissing",
            f"Secret {key.name} has no key {key.key}: add it, or name another key in the pool's demand",
        )
    return secret[key.key].rstrip(b"\r\n")
