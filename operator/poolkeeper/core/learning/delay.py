"""For how long a start may wait, by the requests that will come meanwhile.

Who comes after the request that a start is delayed for waits for the rest of the delay, for the start, and
for all requests before it. Example: a budget of 120 s, a start of 90 s, one replica that takes one job of 60
s at a time. A start can wait for 30 s and take the first job in time. But a second job that comes within 60 s
after the first is then late: the replica takes it at second 180. Had the start begun at once, only one that
comes within 30 s would be. So the delay makes a job late if the next one comes between second 30 and 60, and
how likely that is, the gaps between requests say.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

from poolkeeper.core.learning.gaps import EDGES, Gaps
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.tuning import PROVEN_SAMPLES

FOLLOWERS = 6
"""Requests after the last one that are looked at: a longer line is looked at when it is there."""
NEGLIGIBLE = 1e-3
"""Requests that come so seldom before the horizon are not looked at."""
CELLS = 16
"""Steps of time in which the arrival of the second and later ones is computed."""
HALVINGS = 7
"""Of the time that a start may wait, when its end is searched for: within a hundredth."""
START_POINTS = (0.9, 0.7, 0.5, 0.3, 0.1)
"""A start is taken to exceed the quantiles of these tails, each as likely as the others."""


Chance = Callable[[float], float]
"""The chance that something has happened after so many seconds."""
SERVICE_POINTS = (0.85, 1.65, 0.55, 1.1, 0.68)
"""One request takes so many times the mean, half as widely spread as where service times are exponential, in
an order that has nothing to do with that of the start times."""


class Delay(NamedTuple):
    """For how long the start that waits now may wait, computed once for each arrival."""

    arrived_at: float
    """The last arrival, in Unix seconds."""
    waiting: int
    """Requests that waited then."""
    replicas: int
    """Replicas that the start is for."""
    seconds: float
    """Seconds after the last arrival."""


class Line(NamedTuple):
    """The requests that will be taken one after the other once a start is over."""

    waiting: int
    """Requests that wait already."""
    slots: int
    """Requests that are worked on at once."""
    service_seconds: float
    """How long each of them takes."""
    patience: float
    """Seconds from its arrival within which a request must be taken."""


def longest(gaps: Gaps, starts: StartTimes, line: Line, risk: float) -> float:
    """For how many seconds after the last arrival the start may wait until it has made `risk` more requests
    late, on average, than if it had begun then."""
    most = max(line.patience - starts.quantile(START_POINTS[0]), 0.0)
    if gaps.seen < PROVEN_SAMPLES:
        return most
    seconds = [starts.quantile(tail) - line.patience for tail in START_POINTS]
    works = [
        _works((line.waiting + number) // line.slots, line.service_seconds) for number in range(FOLLOWERS)
    ]
    horizon = max(works[-1]) + seconds[-1] + most
    if horizon <= 0.0:
        return most
    chances = _chances(gaps, horizon)
    # A request is late if it comes earlier after the last one than these instants, and the delay.
    ends = [
        (chance, end + work)
        for chance, points in zip(chances, works, strict=False)
        for end, work in zip(seconds, points, strict=True)
        if end + work + most > 0.0
    ]

    def late(delay: float) -> float:
        return sum([chance(end + delay) for chance, end in ends if end + delay > 0.0]) / len(START_POINTS)

    allowed = late(0.0) + risk
    if late(most) <= allowed:
        return most
    shorter, longer = 0.0, most
    for _ in range(HALVINGS):
        middle = 0.5 * (shorter + longer)
        if late(middle) <= allowed:
            shorter = middle
        else:
            longer = middle
    return shorter


def _works(jobs: int, service_seconds: float) -> list[float]:
    """Seconds that so many requests take one after the other, of which each takes more or less.

    The spread of a sum falls with the root of their number.
    """
    if not jobs:
        return [0.0] * len(SERVICE_POINTS)
    root = math.sqrt(jobs)
    return [service_seconds * max(jobs + (point - 1.0) * root, 0.0) for point in SERVICE_POINTS]


def _chances(gaps: Gaps, horizon: float) -> list[Chance]:
    """For each of the next requests that may come, the chance that it has come after so many seconds.

    That of the first is as exact as the bins of gaps; the others are summed up in steps of equal length.
    """
    first, later = _ended(gaps, horizon), _ended(gaps._replace(recent=gaps.recent + 1.0), horizon)
    step = horizon / CELLS
    cumulative = [first(at * step) for at in range(CELLS + 1)]
    gap = [later(at * step) for at in range(CELLS + 1)]
    masses = [right - left for left, right in pairwise(gap)]
    found: list[Chance] = [first]
    for _ in range(FOLLOWERS - 1):
        sums = [0.0] * (CELLS + 1)
        for at, (left, right) in enumerate(pairwise(cumulative)):
            # The sum of two gaps lies in the sum of their cells or the next one, equally often.
            half = 0.5 * (right - left)
            for to, mass in enumerate(masses[: CELLS - at], at):
                sums[to] += half * mass
                sums[to + 1] += half * mass
        cumulative = [0.0, *accumulate(sums[:CELLS])]
        if cumulative[-1] < NEGLIGIBLE:
            break
        found.append(partial(_interpolated, [at * step for at in range(CELLS + 1)], cumulative))
    return found


def _ended(gaps: Gaps, horizon: float) -> Chance:
    """The chance that a gap has ended after so many seconds."""
    ended, survival = [0.0], 1.0
    for hazard in gaps.hazards()[: bisect_right(EDGES, horizon)]:
        survival *= 1.0 - hazard
        ended.append(1.0 - survival)
    return partial(_interpolated, EDGES, ended)


def _interpolated(edges: Sequence[float], values: Sequence[float], seconds: float) -> float:
    at = bisect_right(edges, seconds) - 1
    if at >= len(values) - 1:
        return values[-1]
    return values[at] + (values[at + 1] - values[at]) * (seconds - edges[at]) / (edges[at + 1] - edges[at])
