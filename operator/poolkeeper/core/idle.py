"""How long an idle pool stays up: the price of idling against the price of the next start.

With the hazards of the present gap known, when to give up waiting is an optimal stopping problem: at every
age of the gap, going on to wait costs the seconds until the next bin, and saves a restart if a request comes.
It is solved backwards over the bins, so that also a caller who comes every ten minutes is understood: the
pool stops at once after a call, or is still up when the next one is due, whichever costs less.
"""

import math
from array import array
from typing import NamedTuple

from poolkeeper.core.gaps import BINS, EDGES, WIDTHS, Gaps, bin_of

PROVEN_GAPS = 5
LONGEST_SECONDS = 6 * 3600.0
"""However dear a broken request is, an idle pool does not wait for the next one longer than this."""


class Terms(NamedTuple):
    """What a restart means at present, in seconds.

    It costs `restart` accelerator-seconds. From the first request until the replica is ready `covers` seconds
    pass, in which further requests cost nothing more. `breaks` is the price, in accelerator-seconds, of the
    requests that a restart lets wait too long.
    """

    restart: float
    covers: float
    breaks: float = 0.0


def timeout(gaps: Gaps, age: float, terms: Terms) -> float:
    """How much longer a pool that is idle now should wait, the last request having come `age` seconds ago."""
    if gaps.seen < PROVEN_GAPS:
        return fallback_timeout(terms)
    hazards = gaps.hazards()
    saved = _saved(hazards, terms)
    ahead = _costs_ahead(hazards, saved)
    now_in = bin_of(age)
    stop_in = next((at for at in range(now_in, BINS) if ahead[at] >= saved), BINS - 1)
    return 0.0 if stop_in == now_in else min(EDGES[stop_in] - age, LONGEST_SECONDS)


def start_ahead_age(gaps: Gaps, age: float, start_seconds: float, terms: Terms) -> float:
    """The age of the present gap at which to start without any request, or infinity.

    It pays where being up at the time that the start is ready, its cost included, is cheaper than being down:
    then the next request is so likely and so near that idling until it comes costs less than its break.
    """
    if gaps.seen < PROVEN_GAPS or terms.breaks <= 0.0:
        return math.inf
    hazards = gaps.hazards()
    saved = _saved(hazards, terms)
    ahead = _costs_ahead(hazards, saved)
    for at in range(bin_of(age + start_seconds), BINS):
        if ahead[at] + terms.restart < saved:
            return max(EDGES[at] - start_seconds, age)
    return math.inf


def _saved(hazards: "array[float]", terms: Terms) -> float:
    return terms.restart * _share_saved(hazards, terms.covers) + terms.breaks


def fallback_timeout(terms: Terms) -> float:
    """The timeout while nothing is known about arrivals.

    Waiting as long as a restart costs is at most twice as dear as knowing the future (ski rental). Where the
    budget lets a start wait, the pool is at zero for that time at least, so a stop pays sooner by as much.
    """
    return max(0.0, terms.restart + terms.breaks - terms.covers)


def _share_saved(hazards: "array[float]", covers: float) -> float:
    """The part of a restart that is saved when one more request is served without it.

    The restart would have covered the requests of the next `covers` seconds too; served without it, the
    request only moves it to the one after, by the mean of min(gap, covers).
    """
    survival = moved = 0.0
    survival = 1.0
    for at in range(BINS):
        width = min(WIDTHS[at], covers - EDGES[at])
        if width <= 0.0:
            break
        moved += width * survival * (1.0 - 0.5 * hazards[at])
        survival *= 1.0 - hazards[at]
    return moved / covers if covers > 0.0 else 1.0


def _costs_ahead(hazards: "array[float]", saved: float) -> "array[float]":
    """Per bin, the expected cost from there on of waiting as long as that pays; `saved` where it does not."""
    costs = array("d", [saved]) * BINS
    for at in range(BINS - 2, -1, -1):
        hazard = hazards[at]
        waiting = WIDTHS[at] * (1.0 - 0.5 * hazard) + (1.0 - hazard) * costs[at + 1]
        costs[at] = min(waiting, saved)
    return costs
