"""Attempts to start: how many have failed in a row, and when the next one is due.

An attempt that can't succeed costs accelerators and helps nobody, so attempts come at growing intervals until
one succeeds. Example: attempts that fail at 12:00:00, 12:00:30 and 12:01:30 are followed by others from
12:00:10, 12:00:50 and 12:02:10 on.
"""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS


class Attempts(NamedTuple):
    """The attempts to start of one pool."""

    failed: int = 0
    """Attempts that failed since the last one that succeeded."""
    settled_at: float = -math.inf
    """When the outcome of the last attempt was seen, in Unix seconds. A replica that was asked for before
    belongs to that attempt."""
    reason: str = ""
    """Why the last one failed, as a CamelCase word; empty after one that succeeded."""

    @property
    def next_at(self) -> float:
        """The earliest instant for the next attempt."""
        if not self.failed:
            return -math.inf
        doublings = min(self.failed - 1, 16)
        return self.settled_at + min(FIRST_RETRY_SECONDS * 2.0**doublings, LONGEST_RETRY_SECONDS)


def failed(attempts: Attempts, asked_at: float, now: float, reason: str) -> Attempts:
    """A replica that was asked for at `asked_at` does not start. Each attempt fails once, however many
    replicas it has and however often they are looked at."""
    return Attempts(attempts.failed + 1, now, reason) if asked_at > attempts.settled_at else attempts


def unpaused(attempts: Attempts, now: float) -> Attempts:
    """What made the last attempt fail was edited: the next one may come at once, and is followed by the
    first pause again."""
    return Attempts(1, now - FIRST_RETRY_SECONDS, attempts.reason)


def succeeded(attempts: Attempts, now: float) -> Attempts:
    """A replica has become ready. Others of the same attempt that fail later are no new failure."""
    return Attempts(0, now)
