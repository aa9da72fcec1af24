"""How long it is until the next request comes: learned hazards of the gaps between arrivals.

Gaps fall into bins of growing width. For each bin two fading counts are kept: how many gaps reached it, and
how many ended in it. Their ratio is the bin's hazard. Example: of 10 gaps that reached 60 s, 4 ended before
72 s, so a gap of 60 s ends within the next 12 s with probability 0.4. A bin fades only when a gap reaches it,
so a burst of short gaps does not erase what is known about long ones. Times of little and of much traffic are
counted apart. For silences of more than an hour the time of day counts too.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from poolkeeper.core.learning.daytime import DAY_SECONDS, Daytime, slot_end
from poolkeeper.core.tuning import (
    DAYTIME_FROM_SECONDS,
    DAYTIME_SLOT_SECONDS,
    GAP_BIN_RATIO,
    GAP_BINS,
    GAP_DECAY,
    GAP_PRIOR_WEIGHT,
    GAP_TAIL_INDEX,
    NEARBY_GAP_BINS,
    NEARBY_GAPS_WEIGHT,
    POOLED_GAPS_WEIGHT,
    SHORTEST_GAP_SECONDS,
    TRAFFIC_LEVELS,
    TRAFFIC_MEMORY_SECONDS,
)

EDGES = (0.0, *(SHORTEST_GAP_SECONDS * GAP_BIN_RATIO**number for number in range(GAP_BINS)))
"""Bin i holds gaps from EDGES[i] to EDGES[i + 1] seconds; all but the last end within four days."""
WIDTHS = tuple(right - left for left, right in pairwise(EDGES))
LONG_BIN = bisect_right(EDGES, DAYTIME_FROM_SECONDS) - 1
CONTEXTS = len(TRAFFIC_LEVELS) + 1
PRIOR_HAZARD = 1.0 - GAP_BIN_RATIO**-GAP_TAIL_INDEX
"""The hazard of every bin before any gap is seen: half as likely to last four times as long."""

NEARBY_FACTOR = math.exp(-1.0 / NEARBY_GAP_BINS)


class Course(NamedTuple):
    """A gap from now on, in steps: the ages in seconds at which they begin, their lengths in seconds, their
    hazards."""

    edges: Sequence[float]
    widths: Sequence[float]
    hazards: Sequence[float]


class Gaps(NamedTuple):
    """Fading counts per context and bin, and the traffic of the last quarter of an hour."""

    reached: "tuple[array[float], ...]"
    ended: "tuple[array[float], ...]"
    seen: int = 0
    recent: float = 0.0
    arrived_at: float = -math.inf
    daytime: Daytime = Daytime()

    @property
    def context(self) -> int:
        """Which level of traffic came before the present gap: 0 for little."""
        return bisect_right(TRAFFIC_LEVELS, self.recent)

    def hazards(self) -> "array[float]":
        """Per bin, the chance that a gap at this level of traffic ends in it, given that it reaches it."""
        reached, ended = self.reached[self.context], self.ended[self.context]
        all_reached = [*map(sum, zip(*self.reached, strict=True))]
        all_ended = [*map(sum, zip(*self.ended, strict=True))]
        near_reached, near_ended = _nearby(all_reached), _nearby(all_ended)
        found = array("d", bytes(8 * GAP_BINS))
        for at in range(GAP_BINS):
            near = (near_ended[at] + GAP_PRIOR_WEIGHT * PRIOR_HAZARD) / (near_reached[at] + GAP_PRIOR_WEIGHT)
            pooled = (all_ended[at] + NEARBY_GAPS_WEIGHT * near) / (all_reached[at] + NEARBY_GAPS_WEIGHT)
            found[at] = (ended[at] + POOLED_GAPS_WEIGHT * pooled) / (reached[at] + POOLED_GAPS_WEIGHT)
        return found

    def course(self, hazards: "array[float]", age: float, *, by_daytime: bool) -> Course:
        """How the present gap goes on, which has lasted for `age` seconds.

        By daytime, the steps that begin after an hour are slots of the day, until a day has passed.
        """
        first = bin_of(age)
        if not (by_daytime and self.daytime.is_proven):
            return Course(EDGES[first:GAP_BINS], WIDTHS[first:], hazards[first:])
        edges, found = list(EDGES[first : LONG_BIN + 1]) or [age], list(hazards[first:LONG_BIN])
        rate, at = self.daytime.rates(), self.arrived_at + edges[-1]
        last = at + DAY_SECONDS
        while at < last:
            until = slot_end(at)
            found.append(-math.expm1(-rate(at) * (until - at) / DAYTIME_SLOT_SECONDS))
            edges.append(until - self.arrived_at)
            at = until
        return Course(edges[:-1], [right - left for left, right in pairwise(edges)], found)


def initial() -> Gaps:
    """No arrival seen yet."""
    nothing = array("d", bytes(8 * GAP_BINS))
    return Gaps((nothing,) * CONTEXTS, (nothing,) * CONTEXTS)


def _nearby(counts: Sequence[float]) -> list[float]:
    """Per bin the sum over all bins, each of which counts the less the further it is away."""
    sums, total = [0.0] * GAP_BINS, 0.0
    for at in range(GAP_BINS):
        sums[at] = total = total * NEARBY_FACTOR + counts[at]
    total = 0.0
    for at in range(GAP_BINS - 1, -1, -1):
        sums[at] += total
        total = (total + counts[at]) * NEARBY_FACTOR
    return sums


def bin_of(seconds: float) -> int:
    """The bin that a gap of this length falls into."""
    return min(bisect_right(EDGES, max(seconds, 0.0)) - 1, GAP_BINS - 1)


def arrive(gaps: Gaps, arrived_at: float, requests: int) -> Gaps:
    """Enter requests that arrived together. Those closer than a poll interval show no gap between them."""
    elapsed = arrived_at - gaps.arrived_at
    if elapsed <= 0.0:
        return gaps._replace(recent=gaps.recent + requests)
    recent = gaps.recent * math.exp(-elapsed / TRAFFIC_MEMORY_SECONDS) + requests
    if math.isinf(elapsed):
        return gaps._replace(recent=recent, arrived_at=arrived_at)
    context = gaps.context
    reached, ended = _count(gaps.reached[context], gaps.ended[context], bin_of(elapsed))
    days = gaps.daytime
    if elapsed > DAYTIME_FROM_SECONDS:
        days = days.end_silence(gaps.arrived_at, arrived_at, partial(_per_second, gaps.hazards()))
    return Gaps(
        reached=(*gaps.reached[:context], reached, *gaps.reached[context + 1 :]),
        ended=(*gaps.ended[:context], ended, *gaps.ended[context + 1 :]),
        seen=gaps.seen + 1,
        recent=recent,
        arrived_at=arrived_at,
        daytime=days,
    )


def _per_second(hazards: Sequence[float], age: float) -> float:
    """The hazard at an age. The last bin has no end, so the assumed tail is used there."""
    at = bin_of(age)
    if at == GAP_BINS - 1:
        return GAP_TAIL_INDEX / age
    return -math.log1p(-hazards[at]) / WIDTHS[at]


def _count(reached: "array[float]", ended: "array[float]", last: int) -> "tuple[array[float], array[float]]":
    reached, ended = reached[:], ended[:]
    for at in range(last + 1):
        reached[at] = GAP_DECAY * reached[at] + 1.0
        ended[at] *= GAP_DECAY
    ended[last] += 1.0
    return reached, ended
