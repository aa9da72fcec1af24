"""One source of one pool: its queue, its poll interval, and where outcomes are published."""

import logging
from dataclasses import dataclass, fields

from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.sources.base import PoolKey, Publish, SourceFailure
from poolkeeper.sources.queue import Depth, Queue, Server

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Watch:
    """Compared by identity: a source whose declaration was edited is a new watch."""

    pool: PoolKey
    source: str
    poll_seconds: float
    queue: Queue
    publish: Publish
    server: Server | None = None
    """Where the queue is; None while that is not known (written by the hub)."""
    is_read_alone: bool = False
    """Whether its entries are too large to be read in a batch with others (written by the link)."""
    unavailable_since: float | None = None
    """Unix seconds of the first failure in a row; None while the queue can be read."""
    is_current: bool = True
    """Whether the pool still declares it: nothing is published afterwards (written by the hub)."""

    def report(
        self, depth: Depth, observed_at: float, server_id: str, quiet_seconds: float | None = None
    ) -> None:
        """Publish a reading; `observed_at` is when the request was sent (Unix seconds)."""
        if not self.is_current:
            return
        self.unavailable_since = None
        found = {field.name: getattr(depth, field.name) for field in fields(depth)}
        self._publish(
            Sample(self.source, observed_at, server_id=server_id, quiet_seconds=quiet_seconds, **found)
        )

    def fail(self, failure: SourceFailure, at: float) -> None:
        """Publish that demand is unknown since the first of the failures in a row."""
        if not self.is_current:
            return
        if self.unavailable_since is None:
            self.unavailable_since = at
        message = f"source {self.source} ({self.queue.address}): {failure.message}"
        self._publish(Unavailable(self.source, failure.reason, message, self.unavailable_since))

    def _publish(self, outcome: Sample | Unavailable) -> None:
        """Publish. A failure while one pool takes it in must not end the polling of the others."""
        try:
            self.publish(self.pool, outcome)
        except Exception:
            logger.exception("%s could not take in what source %s published", self.pool, self.source)
