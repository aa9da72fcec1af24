"""How long to wait after a request has failed, and whether to log that."""

import logging

from poolkeeper.backoff import Backoff
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.errors import ApiError

logger = logging.getLogger(__name__)

FAILED = Backoff(0.5, 2.0)
"""An API server that does not answer may answer any moment."""
REFUSED = Backoff(0.5, 300.0)
"""A right that is missing is granted by a person, if at all."""
FORBIDDEN = 403


class Patience:
    """Follows one kind of request; a failure is logged once, until there is another or none."""

    def __init__(self, what: str, pool: PoolKey | None = None) -> None:
        self.until = float("-inf")
        """When the next try is due, where the caller keeps the time."""
        self._what = what
        self._extra = {"pool": str(pool)} if pool else None
        self._failures = 0
        self._logged = ""

    def failed(self, failure: Exception) -> float:
        """The seconds to wait before the next try."""
        message = f"{self._what}: {str(failure) or type(failure).__name__}"
        if message != self._logged:
            logger.warning(message, extra=self._extra)
        self._logged = message
        is_refused = isinstance(failure, ApiError) and failure.status == FORBIDDEN
        self._failures += 1
        return (REFUSED if is_refused else FAILED).pause_seconds(self._failures - 1)

    def succeeded(self) -> None:
        """The next failure is news."""
        self._failures, self._logged = 0, ""
