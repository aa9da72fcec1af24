"""When to look at the requests in flight one by one: seldom, since each look costs an answer per request."""

import asyncio
from zlib import crc32

LIMIT_SHARE = 0.1
"""Seconds between two looks, as a share of the limit. Source: chosen; an orphan is found a tenth later."""
LONGEST_SECONDS = 30.0
SHORTEST_SECONDS = 1.0
"""Bounds of that time, and the time between two looks where something has happened that only a look shows."""


class Pace:
    """The rhythm of the looks of one queue, whose requests may be in flight for `limit_seconds`. Its clock is
    that of the event loop on which the queue is polled.

    All queues are read at once when the operator starts. The second look comes up to half a pause earlier, by
    the queue's name, so that later looks are spread over time.
    """

    def __init__(self, name: str, limit_seconds: float) -> None:
        self._seconds = min(max(LIMIT_SHARE * limit_seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
        self._lead_seconds = 0.5 * self._seconds * crc32(name.encode()) / 2**32
        self._looked_at: float | None = None

    def is_due(self, *, hurries: bool, at_once: bool = False) -> bool:
        """Whether to look now; if so, it counts as done. `at_once`: whatever the time since the last look."""
        now = asyncio.get_running_loop().time()
        seconds = SHORTEST_SECONDS if hurries else self._seconds
        if self._looked_at is None:
            self._looked_at = now - self._lead_seconds
            return True
        if now - self._looked_at < seconds and not at_once:
            return False
        self._looked_at = now
        return True
