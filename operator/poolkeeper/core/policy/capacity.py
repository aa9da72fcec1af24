"""What can take requests, and how many of them by which instant."""

from typing import NamedTuple

from poolkeeper.core.tuning import (
    LATE_START_TOLERANCE_SECONDS,
)


class Capacity(NamedTuple):
    """What the replicas of a pool can take."""

    free: float
    """Free slots now."""
    ready: int
    """Ready replicas."""
    ready_at: tuple[float, ...]
    """When each starting replica is expected to be ready, in Unix seconds."""
    slots: int
    """Slots of one replica: the pool's concurrency."""
    rate: float
    """Requests per second of one replica whose slots are all busy."""

    @property
    def is_none(self) -> bool:
        """Whether no replica is ready or starting."""
        return not self.ready and not self.ready_at and not self.free

    def takes(self, now: float, until: float) -> float:
        """Requests that will have been taken by `until`.

        A starting replica that is late by less than the tolerance counts, as a new one would: otherwise each
        look would ask for one more, in vain. Example: 1 free slot, 1 ready replica of 0.5 requests/s, 10 s
        from now: 1 + 5 = 6 requests.
        """
        # A hot loop: asked for every bucket of waiting requests at every decision.
        slots, rate = self.slots, self.rate
        total = self.free + self.ready * rate * (until - now) if until > now else self.free
        for ready_at in self.ready_at:
            if ready_at < until + LATE_START_TOLERANCE_SECONDS:
                total += slots + rate * (until - ready_at) if until > ready_at else slots
        return total
