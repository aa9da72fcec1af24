"""How fast a replica works: completions per second of a fully busy replica, learned from what is seen."""

import math
from typing import NamedTuple

PRIOR_SECONDS = 10.0
"""Assumed time of one request before any has been seen; forgotten after a few completions. That of a chat's
answer or an agent's step: too few replicas for the first burst are late by a whole start, too many only idle.
"""
PRIOR_REQUESTS = 1.0
MEMORY_SECONDS = 1800.0
"""Busy replica-seconds after which an observation has lost two thirds of its weight."""


class ServiceRate(NamedTuple):
    """Decayed completions and the busy replica-seconds that they took."""

    completions: float = 0.0
    busy_seconds: float = 0.0

    def per_replica(self, concurrency: int, in_flight: float = 0.0) -> float:
        """Requests per second of one replica that works on `concurrency` requests at once.

        Requests that are still in flight are half done on average; without them, a pool that has just begun
        to work would look slow.
        """
        prior_seconds = PRIOR_REQUESTS * PRIOR_SECONDS / concurrency
        done = self.completions + 0.5 * in_flight
        return (done + PRIOR_REQUESTS) / (self.busy_seconds + prior_seconds)


def learn(rate: ServiceRate, completed: int, busy_seconds: float) -> ServiceRate:
    """Enter what was completed while replicas were busy for so many replica-seconds in total."""
    if busy_seconds <= 0.0:
        return rate
    kept = math.exp(-busy_seconds / MEMORY_SECONDS)
    return ServiceRate(rate.completions * kept + completed, rate.busy_seconds * kept + busy_seconds)
