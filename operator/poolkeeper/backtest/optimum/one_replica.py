"""The exact optimum for one replica that works on one request at a time, at any budget, in linear time.

Let a_k be arrivals, s_k service times, P_k the work before request k, b_k = a_k - P_k, and D_k the longest
that request k may wait: the budget, or its wait in an always-on pool where that is longer. A run that serves
requests i..j without a stop has its replica ready at the latest instant that keeps every D_k,

    S = P_i + min(b_k + D_k), and ends at P_{j+1} + max(S - P_i, max b_k)   (first come, first served),

so it costs start + termination + its work + its idle time max(0, max b_k - min(b_k + D_k)). Because D_k is at
least the always-on wait, b_k + D_k never lies below the running maximum of b; the idle time of i..j therefore
equals max(0, M_j - min over i..j of (b_k + D_k)) with M_j the maximum of b over ALL requests up to j. The
cheapest way to serve requests 0..j then only needs, per value of that suffix minimum, the first i that has
it: a queue from which entries leave at the back when a smaller minimum comes, and at the front, for good,
once M_j has passed them. Property-tested against brute force.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Run:
    """Requests `first` to `last` served without a stop by a replica that is ready at `ready_at`."""

    first: int
    last: int
    ready_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The optimum's accelerator-seconds and the runs that reach it."""

    accelerator_seconds: float
    runs: tuple[Run, ...]


def best_schedule(
    arrivals: Sequence[float],
    services: Sequence[float],
    longest_waits: Sequence[float],
    start_stop_seconds: float,
) -> Schedule:
    """The cheapest runs; `start_stop_seconds` is what each run pays for starting and terminating."""
    work = list(accumulate(services, initial=0.0))
    limits, highest = _limits(arrivals, work, longest_waits)
    cost, begins = cheapest_runs(limits, highest, start_stop_seconds)
    return Schedule(cost + work[-1], _runs(begins, arrivals, work, limits))


def cheapest_runs(
    limits: Sequence[float], highest: Sequence[float], start_stop_seconds: float
) -> tuple[float, list[int]]:
    """The least sum over runs i..j of start_stop + max(0, highest_j - min of limits_i..j), and each run's
    first.

    `highest` never falls. The second value holds, for every request, the first one of the run that ends with
    it.
    """
    cost = [0.0] * (len(limits) + 1)
    begins = [0] * len(limits)
    open_groups: deque[tuple[float, int]] = deque()
    closed_cost, closed_first = math.inf, 0
    for last, limit in enumerate(limits):
        first = last
        while open_groups and open_groups[-1][0] >= limit:
            first = open_groups.pop()[1]
        open_groups.append((limit, first))
        while open_groups and open_groups[0][0] < highest[last]:
            group_limit, group_first = open_groups.popleft()
            if cost[group_first] - group_limit < closed_cost:
                closed_cost, closed_first = cost[group_first] - group_limit, group_first
        with_idle = closed_cost + highest[last]
        without_idle = cost[open_groups[0][1]] if open_groups else math.inf
        begins[last] = closed_first if with_idle < without_idle else open_groups[0][1]
        cost[last + 1] = start_stop_seconds + min(with_idle, without_idle)
    return cost[-1], begins


def _limits(
    arrivals: Sequence[float], work: Sequence[float], longest_waits: Sequence[float]
) -> tuple[list[float], list[float]]:
    """b_k + D_k of every request, and the running maximum of b_k; the former is never below the latter."""
    ahead = [arrival - before for arrival, before in zip(arrivals, work, strict=False)]
    highest = list(accumulate(ahead, max))
    latest = (each + longest for each, longest in zip(ahead, longest_waits, strict=True))
    return list(map(max, latest, highest)), highest


def _runs(
    begins: Sequence[int], arrivals: Sequence[float], work: Sequence[float], limits: Sequence[float]
) -> tuple[Run, ...]:
    runs: list[Run] = []
    last = len(begins) - 1
    while last >= 0:
        first = begins[last]
        within = range(first, last + 1)
        limit = min(limits[index] for index in within)
        latest = max(arrivals[index] - work[index] for index in within)
        runs.append(Run(first, last, limit + work[first], work[last + 1] + max(limit, latest)))
        last = first - 1
    return tuple(reversed(runs))


def waits_of(schedule: Schedule, arrivals: Sequence[float], services: Sequence[float]) -> list[float]:
    waits: list[float] = []
    for run in schedule.runs:
        free_at = run.ready_at
        for index in range(run.first, run.last + 1):
            free_at = max(free_at, arrivals[index])
            waits.append(free_at - arrivals[index])
            free_at += services[index]
    return waits
