"""What can take requests, and how many by when."""

from typing import NamedTuple

from poolkeeper.core.tuning import (
    LATE_START_TOLERANCE_SECONDS,
)


class Capacity(NamedTuple):
    """Free slots now, ready replicas, and when starting ones will be ready.

    `slots` is a replica's concurrency, `rate` its requests per second when all of them are busy.
    """

    free: float
    ready: int
    ready_at: tuple[float, ...]
    slots: int
    rate: float

    @property
    def is_none(self) -> bool:
        """Whether nothing is there, nor on its way."""
        return not self.ready and not self.ready_at and not self.free

    def takes(self, now: float, until: float) -> float:
        """Requests that will have been taken by `until`.

        A starting replica that is late by less than the tolerance counts, as a new one would: otherwise one
        more would be asked for at every look, each in vain.
        """
        free, ready, ready_ats, slots, rate = self
        total = free + ready * rate * (until - now) if until > now else free
        for ready_at in ready_ats:
            if ready_at < until + LATE_START_TOLERANCE_SECONDS:
                total += slots + rate * (until - ready_at) if until > ready_at else slots
        return total
