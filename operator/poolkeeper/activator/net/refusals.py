"""Why a request is answered by the activator itself, and with what."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Counted in metrics and named in answers; stable across versions."""

    QUEUE_FULL = "QueueFull"
    ACTIVATOR_FULL = "ActivatorFull"
    NOT_READY_IN_TIME = "NotReadyInTime"
    TIME_LIMIT = "TimeLimit"
    NO_POOL = "NoPool"
    STOPPING = "Stopping"
    BAD_REQUEST = "BadRequest"
    BAD_RESPONSE = "BadResponse"
    CONNECTION_LOST = "ConnectionLost"


@dataclass(eq=False)
class Refused(Exception):
    """The request is answered with `status`, and was not given to any replica unless the cause says so."""

    cause: Cause
    message: str
    status: int = 503
    retry_after_seconds: int | None = 1


class ClientGone(Exception):
    """The client closed its connection: nobody is left to answer."""
