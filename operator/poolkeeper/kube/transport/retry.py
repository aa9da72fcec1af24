"""When a failed read is worth another try, and after how long."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, KubeFailure

TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling delays with full jitter: a random part of `base × 2^attempt`, at most `ceiling_seconds`."""

    base_seconds: float = 0.1
    ceiling_seconds: float = 2.0
    draw: Callable[[float, float], float] = random.SystemRandom().uniform

    def delay_seconds(self, attempt: int) -> float:
        """How long to wait after the attempt of this number, counted from 0."""
        longest = min(self.ceiling_seconds, self.base_seconds * 2 ** min(attempt, 32))
        return self.draw(longest / 2, longest)


def retry_delay_seconds(failure: KubeFailure, attempt: int, backoff: Backoff) -> float | None:
    """How long to wait before a read that failed so is tried again; None where that can't help."""
    if isinstance(failure, ApiUnreachable):
        return backoff.delay_seconds(attempt)
    if isinstance(failure, ApiError) and failure.status in TRANSIENT_STATUSES:
        return max(backoff.delay_seconds(attempt), failure.retry_after_seconds or 0.0)
    return None
