"""The optimum for many replicas when no request may wait longer than it must (budget 0).

With all arrivals known, a replica is started exactly one start time ahead, so that a start costs its price
and delays nothing. The cost is then a sum over levels: level k is needed while at least k replicas are busy,
and between two such times it is either kept (which costs the gap) or stopped and started again (which costs
one start). Example: if level 2 is needed again after 30 s, and a start costs 20 s, it stops in between. The
result is exact where a replica works on one request at a time. Where it works on several it is a lower bound,
since requests are assumed to be packed perfectly.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence


def layered_cost(
    arrivals: Sequence[float],
    services: Sequence[float],
    waits: Sequence[float],
    concurrency: int,
    start_stop_seconds: float,
) -> float:
    """Accelerator-seconds of the optimum; `waits` are those of a pool that is always on."""
    cost = 0.0
    needed = 0
    since = 0.0
    stopped_needing: list[float] = []
    for instant, in_flight in _in_flight(arrivals, services, waits):
        cost += needed * (instant - since)
        since = instant
        wanted = -(-in_flight // concurrency)
        while needed < wanted:
            gap = instant - stopped_needing.pop() if stopped_needing else math.inf
            cost += min(gap, start_stop_seconds)
            needed += 1
        while needed > wanted:
            stopped_needing.append(instant)
            needed -= 1
    return cost


def _in_flight(
    arrivals: Sequence[float], services: Sequence[float], waits: Sequence[float]
) -> Iterator[tuple[float, int]]:
    """Instants at which the number of requests in flight changes, and that number; a free slot can be taken
    at once.
    """
    running: list[float] = []
    for arrival, service, wait in zip(arrivals, services, waits, strict=True):
        taken_at = arrival + wait
        yield from _completions(running, taken_at)
        heapq.heappush(running, taken_at + service)
        yield taken_at, len(running)
    yield from _completions(running, math.inf)


def _completions(running: list[float], until: float) -> Iterable[tuple[float, int]]:
    while running and running[0] <= until:
        ended_at = heapq.heappop(running)
        yield ended_at, len(running)
