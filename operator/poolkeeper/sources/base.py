"""What every kind of queue offers to the operator, and what it may ask of it.

A source never raises into the loop: whatever goes wrong with a queue becomes an `Unavailable` for the pools
that wait on it, and the next poll tries again.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from poolkeeper.core.ledger import Sample
from poolkeeper.core.observation import Unavailable


class PoolKey(NamedTuple):
    """The identity of a pool in everything that is not the API server."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Publish = Callable[[PoolKey, Sample | Unavailable], None]
"""Delivers one poll's outcome for one source of one pool; called on the event loop, returns at once."""

ReadSecret = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Reads all keys of a Secret by namespace and name; raises SecretUnavailable."""

Clock = Callable[[], float]
"""Unix seconds that never step backwards (anchored once, advanced monotonically)."""


class SourceFailure(Exception):
    """A queue could not be read; `reason` is for conditions, the text for people and without credentials."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class SecretUnavailable(SourceFailure):
    """A Secret that a source needs can't be read; `reason` is for conditions, the text for people."""


class CredentialsRejected(SourceFailure):
    """The server refused the login: the Secret may have changed since it was read."""


class ConnectionLost(SourceFailure):
    """The server closed an open connection, as it does when it restarts or drops idle clients."""
