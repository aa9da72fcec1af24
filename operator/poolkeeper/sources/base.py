"""What every kind of queue offers to the operator, and what it may ask of it.

A source never raises into the loop: whatever goes wrong with a queue becomes an `Unavailable` for the pools
that wait on it, and the next poll tries again.
"""

from collections.abc import Awaitable, Callable, Mapping

from poolkeeper.core.values.failures import SecretUnavailable, SourceFailure
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable

__all__ = [
    "Clock",
    "ConnectionLost",
    "CredentialsRejected",
    "PoolKey",
    "Publish",
    "ReadSecret",
    "ReplyTooLarge",
    "SecretUnavailable",
    "SourceFailure",
]

Publish = Callable[[PoolKey, Sample | Unavailable], None]
"""Delivers one poll's outcome for one source of one pool; called on the event loop, returns at once."""

ReadSecret = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Reads all keys of a Secret by namespace and name.

Raises SecretUnavailable: for reason SecretNotFound or SecretForbidden where the API server has said that
there is no such Secret for us, for any other where it could not be asked.
"""

Clock = Callable[[], float]
"""Unix seconds that never step backwards (anchored once, advanced monotonically)."""


class CredentialsRejected(SourceFailure):
    """The server refused the login: the Secret may have changed since it was read."""


class ReplyTooLarge(SourceFailure):
    """More came back than is read at once; fewer queues at a time may do."""


class ConnectionLost(SourceFailure):
    """The server closed an open connection, as it does when it restarts or drops idle clients."""
