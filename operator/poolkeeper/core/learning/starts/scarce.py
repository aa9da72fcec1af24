"""Classes that had no capacity when they were asked for some, and when they may be asked again.

A replica that has waited for a node for too long is given back once another class serves instead. The class
is then left alone for a pause that doubles with each ask in vain, so that a class without capacity is not
asked again and again. One replica with a node ends that. Example: asks in vain at 12:00, 12:06 and 12:15 are
followed by pauses of 3, 6 and 10 minutes.
"""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import (
    SCARCE_FIRST_PAUSE_SECONDS,
    SCARCE_FORGOTTEN_SECONDS,
    SCARCE_LONGEST_PAUSE_SECONDS,
)


class Scarce(NamedTuple):
    """What is known of one class: shared by the pools of a namespace."""

    failed: int = 0
    """Asks in a row that found no capacity; 0 for a class that had some when it was last asked."""
    since: float = -math.inf
    """When the first of these was made, in Unix seconds."""
    noted_at: float = -math.inf
    """When the last of these was given up."""
    asks_at: float = -math.inf
    """From when on one replica may be asked for again."""

    @property
    def is_short(self) -> bool:
        """Whether no replica should be expected to get a node soon."""
        return self.failed > 0

    def may_be_asked(self, now: float) -> bool:
        """Whether a replica may be asked for to find out if there is capacity."""
        return not self.failed or now >= self.asks_at


PLENTY = Scarce()


def now_known(known: Scarce, now: float) -> Scarce:
    """What is still known. A class that was not asked for long gets the next start again."""
    last_at = max(known.noted_at, known.asks_at)
    return PLENTY if known.failed and now >= last_at + SCARCE_FORGOTTEN_SECONDS else known


def in_vain(known: Scarce, asked_at: float, now: float) -> Scarce:
    """A replica that was asked for at `asked_at` has waited for too long. Replicas that were asked for before
    the last ask in vain was given up belong to that one."""
    if known.failed and asked_at <= known.noted_at:
        return known
    doublings = min(known.failed, 16)
    pause_seconds = min(SCARCE_FIRST_PAUSE_SECONDS * 2.0**doublings, SCARCE_LONGEST_PAUSE_SECONDS)
    return Scarce(known.failed + 1, known.since if known.failed else asked_at, now, now + pause_seconds)


def asked(known: Scarce, patience_seconds: float, now: float) -> Scarce:
    """One replica is asked for to find out: the other pools of the namespace wait for its outcome."""
    return known._replace(asks_at=now + patience_seconds) if known.failed else known


def admitted(known: Scarce, at: float) -> Scarce:
    """A replica of the class had a node at `at`."""
    return PLENTY if known.failed and at > known.noted_at else known
