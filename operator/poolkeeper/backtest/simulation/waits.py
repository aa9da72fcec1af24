"""How long requests wait in a pool that is always on, and how many of any waits are late."""

import heapq
from array import array
from collections.abc import Sequence

from poolkeeper.backtest.traces.trace import PoolTrace

ROUNDING_SECONDS = 1e-6
"""A wait that exceeds the budget by less is not late: instants are sums of floating-point numbers."""


def late_in(waits: Sequence[float], budget_seconds: float) -> int:
    """How many requests waited longer than the budget."""
    return sum(wait > budget_seconds + ROUNDING_SECONDS for wait in waits)


def waits_when_always_on(trace: PoolTrace, slots: int) -> "array[float]":
    """Seconds from each arrival until one of `slots` first-come-first-served slots is free.

    No policy with as many slots can make these waits shorter.
    """
    waits = array("d")
    free_at: list[float] = []
    for arrival, service in zip(trace.arrivals, trace.services, strict=True):
        if len(free_at) < slots:
            heapq.heappush(free_at, arrival)
        taken_at = max(arrival, free_at[0])
        heapq.heapreplace(free_at, taken_at + service)
        waits.append(taken_at - arrival)
    return waits
