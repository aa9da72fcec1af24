"""What can take requests, and how many of them by which instant.

The slots of a new replica work in rounds: four jobs of 60 s that are taken together leave no slot for a fifth
one for almost 60 s. Those of a replica that has worked for a while get free evenly, `rate` times a second.
"""

from collections.abc import Iterable
from typing import NamedTuple

from poolkeeper.core.tuning import (
    LATE_START_TOLERANCE_SECONDS,
    ROUND_SPREAD,
)

MOST_BATCHES = 32
"""Most instants at which starting replicas are expected: a plan looks at each of them for each deadline."""


class Batch(NamedTuple):
    """Starting replicas that are expected to be ready together."""

    ready_at: float
    """When, in Unix seconds."""
    replicas: int


def batches(ready_at: Iterable[float]) -> tuple[Batch, ...]:
    """The starting replicas that are expected to be ready at these instants; neighbours are taken together
    where there are too many."""
    counts: dict[float, int] = {}
    for at in ready_at:
        counts[at] = counts.get(at, 0) + 1
    if len(counts) <= MOST_BATCHES:
        return tuple([Batch(at, replicas) for at, replicas in counts.items()])
    found, each = sorted(counts.items()), -(-len(counts) // MOST_BATCHES)
    return tuple([_together(found[begin : begin + each]) for begin in range(0, len(found), each)])


def _together(neighbours: list[tuple[float, int]]) -> Batch:
    replicas = sum([count for _, count in neighbours])
    return Batch(sum([at * count for at, count in neighbours]) / replicas, replicas)


def rounds(services: float) -> float:
    """How often a slot of a new replica gets free within so many service times.

    The mean over slots that are up to ROUND_SPREAD service times ahead of the replica's start, so that a
    small change of the service time changes no plan by a whole round. Example with a spread of 0.25: 0 within
    0.75 service times, 0.6 within 0.9, and 1 within 1 to 1.75.
    """
    whole = int(services)
    over = services - whole + ROUND_SPREAD - 1.0
    return whole + over / ROUND_SPREAD if over > 0.0 else whole


def services_for(rounds: float) -> float:
    """The fewest service times within which a slot of a new replica gets free so often."""
    whole = int(rounds + 1e-9)
    return whole + 1.0 - ROUND_SPREAD * (1.0 + whole - rounds) if rounds > whole else whole


class Capacity(NamedTuple):
    """What the replicas of a pool can take."""

    free: float
    """Free slots now."""
    ready: int
    """Ready replicas."""
    coming: tuple[Batch, ...]
    """The starting replicas, by when they are expected to be ready."""
    slots: int
    """Slots of one replica: the pool's concurrency."""
    rate: float
    """Requests per second of one replica whose slots are all busy."""

    @property
    def is_none(self) -> bool:
        """Whether no replica is ready or starting."""
        return not self.ready and not self.coming and not self.free

    def takes(self, now: float, until: float) -> float:
        """Requests that will have been taken by `until`.

        A starting replica that is late by less than the tolerance counts, as a new one would: otherwise each
        look would ask for one more, in vain. Example: 1 free slot, 1 ready replica of 0.5 requests/s, 10 s
        from now: 1 + 5 = 6 requests. If the replica were ready only then, 2 s later it would have taken as
        many as it has slots.
        """
        # A hot loop: asked for every bucket of waiting requests at every decision.
        slots, rate = self.slots, self.rate
        total = self.free + self.ready * rate * (until - now) if until > now else self.free
        for ready_at, replicas in self.coming:
            if ready_at < until + LATE_START_TOLERANCE_SECONDS:
                total += slots * replicas
                if until > ready_at:
                    total += slots * replicas * rounds((until - ready_at) * rate / slots)
        return total

    def takes_within(self, seconds: float) -> float:
        """Requests that one new replica takes within so many seconds after it is ready.

        Example: 4 slots and 0.1 requests/s are jobs of 40 s: 4 within 30 s, 8 within 40 s.
        """
        slots = self.slots
        return slots * (1.0 + rounds(seconds * self.rate / slots)) if seconds > 0.0 else slots

    def seconds_for(self, requests: float) -> float:
        """Seconds after it is ready within which one new replica takes so many requests.

        Example: 4 slots and jobs of 40 s: 0 s for 4 requests, 32.5 s for 5, 40 s for 8.
        """
        slots = self.slots
        return services_for(requests / slots - 1.0) * slots / self.rate if requests > slots else 0.0
