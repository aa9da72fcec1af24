"""What every kind of queue provides to the operator, and what it gets from it.

A failing source never ends the loop: every failure becomes an `Unavailable` for the pools that wait on the
queue, and the next poll tries again.
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

Raises SecretUnavailable: with reason SecretNotFound or SecretForbidden where the API server has answered so,
with another reason where the API server could not be reached.
"""

Clock = Callable[[], float]
"""Unix seconds that never step backwards (anchored once, advanced monotonically)."""


class CredentialsRejected(SourceFailure):
    """The server refused the login: the Secret may have changed since it was read."""


class ReplyTooLarge(SourceFailure):
    """The answer is larger than the limit of one read; reading fewer queues at a time may help."""


class ConnectionLost(SourceFailure):
    """The server closed an open connection, as it does when it restarts or drops idle clients."""
