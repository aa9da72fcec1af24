"""The waits of a pool that always has all its replicas: what no policy could have avoided."""

import heapq
from array import array
from collections.abc import Sequence

from poolkeeper.backtest.traces.trace import PoolTrace


def waits_when_always_on(trace: PoolTrace, slots: int) -> "array[float]":
    """Seconds from each arrival until one of `slots` first-come-first-served slots is free."""
    if slots == 1:
        return _one_slot(trace.arrivals, trace.services)
    waits = array("d")
    free_at: list[float] = []
    for arrival, service in zip(trace.arrivals, trace.services, strict=True):
        if len(free_at) < slots:
            taken_at = arrival
            heapq.heappush(free_at, arrival + service)
        else:
            taken_at = max(arrival, free_at[0])
            heapq.heapreplace(free_at, taken_at + service)
        waits.append(taken_at - arrival)
    return waits


def _one_slot(arrivals: Sequence[float], services: Sequence[float]) -> "array[float]":
    waits = array("d")
    free_at = 0.0
    for arrival, service in zip(arrivals, services, strict=True):
        taken_at = max(arrival, free_at)
        waits.append(taken_at - arrival)
        free_at = taken_at + service
    return waits
