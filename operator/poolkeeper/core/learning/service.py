"""How fast a replica works: completed requests per second of a fully busy replica.

Example: 30 requests completed while 2 replicas were busy for 60 s: 30 / 120 = 0.25 requests/s per replica.
"""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import (
    FIRST_SERVICE_REQUESTS,
    FIRST_SERVICE_SECONDS,
    SERVICE_MEMORY_SECONDS,
)
from poolkeeper.core.values.spec import PoolSpec


class ServiceRate(NamedTuple):
    """Fading sums of completed requests and of the busy replica-seconds that they took."""

    completions: float = 0.0
    busy_seconds: float = 0.0

    def is_known(self, spec: PoolSpec) -> bool:
        """Whether a request was completed, or its service time is declared."""
        return self.completions > 0.0 or spec.expected_service_seconds is not None

    def per_replica(self, spec: PoolSpec, in_flight: float = 0.0) -> float:
        """Requests per second of one replica whose slots are all busy.

        Until requests have been completed, each takes the expected service time. Requests that are still in
        flight are half done on average; without them, a pool that has just begun to work would look slow.
        """
        expected_seconds = spec.expected_service_seconds or FIRST_SERVICE_SECONDS
        prior_seconds = FIRST_SERVICE_REQUESTS * expected_seconds / spec.concurrency
        done = self.completions + 0.5 * in_flight
        return (done + FIRST_SERVICE_REQUESTS) / (self.busy_seconds + prior_seconds)


def learn(rate: ServiceRate, completed: int, busy_seconds: float) -> ServiceRate:
    """Enter what was completed while replicas were busy for so many replica-seconds in total."""
    if busy_seconds <= 0.0:
        return rate
    kept = math.exp(-busy_seconds / SERVICE_MEMORY_SECONDS)
    return ServiceRate(rate.completions * kept + completed, rate.busy_seconds * kept + busy_seconds)
