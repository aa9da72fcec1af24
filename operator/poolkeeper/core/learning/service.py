"""How fast a replica works: completed requests per second of a fully busy replica.

Example: 30 requests completed while 2 replicas were busy for 60 s: 30 / 120 = 0.25 requests/s per replica.
"""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import (
    FIRST_SERVICE_REQUESTS,
    FIRST_SERVICE_SECONDS,
    LASTING_POLLS,
    LASTING_REQUESTS,
    SERVICE_MEMORY_SECONDS,
)


class ServiceRate(NamedTuple):
    """Fading sums of completed requests and of the busy replica-seconds that they took."""

    completions: float = 0.0
    busy_seconds: float = 0.0

    def per_replica(self, concurrency: int, in_flight: float = 0.0) -> float:
        """Requests per second of one replica that works on `concurrency` requests at once.

        Requests that are still in flight are half done on average; without them, a pool that has just begun
        to work would look slow.
        """
        prior_seconds = FIRST_SERVICE_REQUESTS * FIRST_SERVICE_SECONDS / concurrency
        done = self.completions + 0.5 * in_flight
        return (done + FIRST_SERVICE_REQUESTS) / (self.busy_seconds + prior_seconds)


class Lasting(NamedTuple):
    """How long requests of one source are in flight, as polls see it.

    Example: requests of 0.05 s, polls 0.5 s apart. One that waits, is taken and is done between two polls has
    lasted 0 s, one that a poll sees in flight has lasted 0.5 s: the mean is never above the poll interval.
    """

    source: str
    seconds: float = 0.0
    """Fading sum of the seconds that its requests were in flight."""
    completed: float = 0.0
    """Fading sum of its completed requests."""

    def enter(self, seconds: float, completed: int) -> "Lasting":
        """Add what was in flight, and what was completed, between two readings."""
        kept = math.exp(-completed / LASTING_REQUESTS)
        return Lasting(self.source, self.seconds * kept + seconds, self.completed * kept + completed)

    def is_long(self, poll_seconds: float) -> bool:
        """Whether requests last so long that polls see each of them; false while none has been seen."""
        return self.seconds > LASTING_POLLS * poll_seconds * self.completed

    def is_short(self, poll_seconds: float) -> bool:
        """Whether requests are done so soon that polls miss some; false while none has been seen."""
        return self.completed > 0.0 and not self.is_long(poll_seconds)


def learn(rate: ServiceRate, completed: int, busy_seconds: float) -> ServiceRate:
    """Enter what was completed while replicas were busy for so many replica-seconds in total."""
    if busy_seconds <= 0.0:
        return rate
    kept = math.exp(-busy_seconds / SERVICE_MEMORY_SECONDS)
    return ServiceRate(rate.completions * kept + completed, rate.busy_seconds * kept + busy_seconds)
