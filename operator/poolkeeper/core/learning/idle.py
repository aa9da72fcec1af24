"""The keep-warm time: how long an idle pool stays up, by the cost of idling against the cost of the next
start.

With the hazards of the present gap known, when to stop is an optimal stopping problem: at every age of the
gap, staying up costs the seconds until the next bin, and saves a start if a request comes. It is solved
backwards over the bins, so a caller who comes every ten minutes is handled too: the pool stops at once after
a call, or is still up when the next one is due, whichever costs less.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.core.learning.gaps import EDGES, WIDTHS, Gaps
from poolkeeper.core.tuning import (
    GAP_BINS,
    LONGEST_IDLE_SECONDS,
    PROVEN_SAMPLES,
    START_AHEAD_PREMIUM,
)


class Terms(NamedTuple):
    """What the next start means at present."""

    restart: float
    """Accelerator-seconds that it costs."""
    covers: float
    """Seconds from the first request until the replica is ready, in which further requests cost nothing
    more."""
    late_cost_seconds: float = 0.0
    """Accelerator-seconds that the requests are worth that it makes late."""


class _Outlook(NamedTuple):
    """Per step of the gap, the expected cost from there on while up, and while at zero."""

    edges: Sequence[float]
    up: "array[float]"
    down: "array[float]"


def timeout(gaps: Gaps, age: float, terms: Terms) -> float:
    """How much longer a pool that is idle now should wait, the last request having come `age` seconds ago."""
    if gaps.seen < PROVEN_SAMPLES:
        return fallback_timeout(terms)
    edges, up, down = _look_ahead(gaps, age, terms)
    steps = len(edges)
    stop_in = next((at for at in range(steps) if up[at] >= down[at]), steps - 1)
    return 0.0 if stop_in == 0 else min(edges[stop_in] - age, LONGEST_IDLE_SECONDS)


def start_ahead_age(gaps: Gaps, age: float, start_seconds: float, terms: Terms) -> float:
    """The age of the present gap, in seconds, at which to start without any request; infinity for never.

    It pays if the next request is so likely and so near that a start, and idling until the request comes,
    cost less than letting the request be late.
    """
    if gaps.seen < PROVEN_SAMPLES or terms.late_cost_seconds <= 0.0:
        return math.inf
    edges, up, down = _look_ahead(gaps, age, terms)
    for at in range(bisect_right(edges, age + start_seconds) - 1, len(edges)):
        if START_AHEAD_PREMIUM * (up[at] + terms.restart) < down[at]:
            return max(edges[at] - start_seconds, age)
    return math.inf


def fallback_timeout(terms: Terms) -> float:
    """The keep-warm time, in seconds, while too few gaps have been seen.

    Waiting for as long as a start costs is at most twice as expensive as knowing the future (ski rental). If
    the budget lets a start wait, the pool is at zero for at least that time, so a stop pays sooner by as
    much. Example: a start of 40 s within a budget of 30 s, late requests worth 200 s: 40 + 200 - 40 = 200 s.
    """
    return max(0.0, terms.restart + terms.late_cost_seconds - terms.covers)


def _share_saved(hazards: "array[float]", covers: float) -> float:
    """The part of a start that is saved when one more request is served without it.

    The start would have served the requests of the next `covers` seconds too. Serving one request without it
    only moves the start to the next request, by the mean of min(gap, covers).
    """
    survival = moved = 0.0
    survival = 1.0
    for at in range(GAP_BINS):
        left = covers - EDGES[at]
        width = left if left < WIDTHS[at] else WIDTHS[at]
        if width <= 0.0:
            break
        moved += width * survival * (1.0 - 0.5 * hazards[at])
        survival *= 1.0 - hazards[at]
    return moved / covers if covers > 0.0 else 1.0


def _look_ahead(gaps: Gaps, age: float, terms: Terms) -> _Outlook:
    """Solve backwards when to be up and when to be down, until the next request comes.

    At zero, the request costs a start and its late requests, unless a start ahead of it is cheaper. Up, every
    second costs one, unless a stop is cheaper. If a start makes no request late, the pool waits minutes at
    most, so the time of day does not matter.
    """
    by_age = gaps.hazards()
    edges, widths, hazards = gaps.course(by_age, age, by_daytime=terms.late_cost_seconds > 0.0)
    saved = terms.restart * _share_saved(by_age, terms.covers) + terms.late_cost_seconds
    steps = len(edges)
    up, down = array("d", [saved]) * steps, array("d", [saved]) * steps
    best_down = saved
    for at in range(steps - 2, -1, -1):
        hazard = hazards[at]
        down[at] = hazard * saved + (1.0 - hazard) * best_down
        waiting = widths[at] * (1.0 - 0.5 * hazard) + (1.0 - hazard) * up[at + 1]
        up[at] = best_up = waiting if waiting < down[at] else down[at]
        ahead = START_AHEAD_PREMIUM * (best_up + terms.restart)
        best_down = ahead if ahead < down[at] else down[at]
    return _Outlook(edges, up, down)
