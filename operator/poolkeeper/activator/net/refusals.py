"""Why the activator answers a request itself, and with what."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """The code in the answer and the label in metrics; stable across versions."""

    QUEUE_FULL = "QueueFull"
    """The pool holds as many requests as `heldRequests` allows."""
    ACTIVATOR_FULL = "ActivatorFull"
    """The activator holds as many requests, or bytes of heads, as it can."""
    NOT_READY_IN_TIME = "NotReadyInTime"
    """The next replica is expected after the request's time limit."""
    TIME_LIMIT = "TimeLimit"
    """No replica had a free slot within the request's time limit."""
    NO_POOL = "NoPool"
    """No pool has the port that the request came to."""
    STOPPING = "Stopping"
    """The activator is being stopped."""
    BAD_REQUEST = "BadRequest"
    """The request is not valid HTTP, or is not supported."""
    BAD_RESPONSE = "BadResponse"
    """The replica's response is not valid HTTP."""
    CONNECTION_LOST = "ConnectionLost"
    """The replica closed the connection after bytes of the request had been sent."""


ACTIVATOR_FULL = "This activator can't hold another request for any model."
"""The message of that cause, wherever room is missing."""


@dataclass(eq=False)
class Refused(Exception):
    """The request gets an answer of the activator's own.

    No replica has seen the request, except with BadResponse and ConnectionLost.
    """

    cause: Cause
    message: str
    """The same in a sentence, for the client."""
    status: int = 503
    retry_after_seconds: int | None = 1
    """Seconds for Retry-After; None for no such header."""


class ClientGone(Exception):
    """The client closed its connection, so that there is no one to answer."""
