"""How long an idle pool stays up: the price of idling against the price of the next start.

With the hazards of the present gap known, when to give up waiting is an optimal stopping problem: at every
age of the gap, going on to wait costs the seconds until the next bin, and saves a restart if a request comes.
It is solved backwards over the bins, so that also a caller who comes every ten minutes is understood: the
pool stops at once after a call, or is still up when the next one is due, whichever costs less.
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
    """What a restart means at present, in seconds.

    It costs `restart` accelerator-seconds. From the first request until the replica is ready `covers` seconds
    pass, in which further requests cost nothing more. `late_cost_seconds` is the price, in
    accelerator-seconds, of the requests that a restart makes late.
    """

    restart: float
    covers: float
    late_cost_seconds: float = 0.0


class _Outlook(NamedTuple):
    """Per step of the gap, the expected cost from there on of being up, and of being down."""

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
    """The age of the present gap at which to start without any request, or infinity.

    It pays where the next request is so likely and so near that a start, and idling until it comes, cost less
    than its break.
    """
    if gaps.seen < PROVEN_SAMPLES or terms.late_cost_seconds <= 0.0:
        return math.inf
    edges, up, down = _look_ahead(gaps, age, terms)
    for at in range(bisect_right(edges, age + start_seconds) - 1, len(edges)):
        if START_AHEAD_PREMIUM * (up[at] + terms.restart) < down[at]:
            return max(edges[at] - start_seconds, age)
    return math.inf


def fallback_timeout(terms: Terms) -> float:
    """The timeout while nothing is known about arrivals.

    Waiting as long as a restart costs is at most twice as dear as knowing the future (ski rental). Where the
    budget lets a start wait, the pool is at zero for that time at least, so a stop pays sooner by as much.
    """
    return max(0.0, terms.restart + terms.late_cost_seconds - terms.covers)


def _share_saved(hazards: "array[float]", covers: float) -> float:
    """The part of a restart that is saved when one more request is served without it.

    The restart would have covered the requests of the next `covers` seconds too; served without it, the
    request only moves it to the one after, by the mean of min(gap, covers).
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

    Down, the request costs a restart and its breaks, unless a start ahead of it turns out cheaper. Up, every
    second costs one, unless a stop turns out cheaper. Where a restart breaks nothing, the next request is
    waited for only minutes, if at all, and no time of day matters.
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
