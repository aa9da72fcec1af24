"""How long it is until the next request comes: learned hazards of the gaps between arrivals.

Gaps fall into bins of growing width. For each bin two fading counts are kept: how many gaps got as far, and
how many ended in it. A bin fades only when a gap reaches it, so that a burst of short gaps does not wash away
what is known about the long ones. Times of little and of much traffic are counted apart.
"""

import math
from array import array
from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

SHORTEST_SECONDS = 0.5
RATIO = 1.2
BINS = 66
EDGES = (0.0, *(SHORTEST_SECONDS * RATIO**number for number in range(BINS)))
"""Bin i holds gaps from EDGES[i] to EDGES[i + 1] seconds; the last bin ends after some 19 hours."""
WIDTHS = tuple(right - left for left, right in pairwise(EDGES))
DECAY = 0.99
RECENT_SECONDS = 900.0
LEVELS = (1.5, 6.0)
"""Decayed counts of the requests of the last quarter of an hour that part the contexts."""
CONTEXTS = len(LEVELS) + 1
POOLED_WEIGHT = 10.0
"""What all contexts say counts as much as this many gaps of the context itself."""
PRIOR_HAZARD = 1.0 - RATIO**-0.5
"""Of a heavy tail: half as likely to last four times as long."""
PRIOR_WEIGHT = 3.0
"""As many gaps say so before any is seen. Long gaps are few: with less, their accidents pass for a rule."""


class Gaps(NamedTuple):
    """Fading counts per context and bin, and the traffic of the last quarter of an hour."""

    reached: "tuple[array[float], ...]"
    ended: "tuple[array[float], ...]"
    seen: int = 0
    recent: float = 0.0
    arrived_at: float = -math.inf

    @property
    def context(self) -> int:
        """Whether the traffic before the present gap was little or much."""
        return bisect_right(LEVELS, self.recent)

    def hazards(self) -> "array[float]":
        """Per bin, the chance that a gap in times like these ends in it, given that it gets so far."""
        reached, ended = self.reached[self.context], self.ended[self.context]
        found = array("d", bytes(8 * BINS))
        everywhere = zip(
            map(sum, zip(*self.reached, strict=True)), map(sum, zip(*self.ended, strict=True)), strict=True
        )
        for at, (all_reached, all_ended) in enumerate(everywhere):
            pooled = (all_ended + PRIOR_WEIGHT * PRIOR_HAZARD) / (all_reached + PRIOR_WEIGHT)
            weight = min(POOLED_WEIGHT, all_reached + PRIOR_WEIGHT)
            found[at] = (ended[at] + weight * pooled) / (reached[at] + weight)
        return found


def initial() -> Gaps:
    """No arrival seen yet."""
    nothing = array("d", bytes(8 * BINS))
    return Gaps((nothing,) * CONTEXTS, (nothing,) * CONTEXTS)


def bin_of(seconds: float) -> int:
    """The bin that a gap of this length falls into."""
    return min(bisect_right(EDGES, max(seconds, 0.0)) - 1, BINS - 1)


def arrive(gaps: Gaps, arrived_at: float, requests: int) -> Gaps:
    """Enter requests that arrived together. Those closer than a poll interval show no gap between them."""
    elapsed = arrived_at - gaps.arrived_at
    if elapsed <= 0.0:
        return gaps._replace(recent=gaps.recent + requests)
    recent = gaps.recent * math.exp(-elapsed / RECENT_SECONDS) + requests
    if math.isinf(elapsed):
        return gaps._replace(recent=recent, arrived_at=arrived_at)
    context = gaps.context
    reached, ended = _count(gaps.reached[context], gaps.ended[context], bin_of(elapsed))
    return Gaps(
        reached=(*gaps.reached[:context], reached, *gaps.reached[context + 1 :]),
        ended=(*gaps.ended[:context], ended, *gaps.ended[context + 1 :]),
        seen=gaps.seen + 1,
        recent=recent,
        arrived_at=arrived_at,
    )


def _count(reached: "array[float]", ended: "array[float]", last: int) -> "tuple[array[float], array[float]]":
    reached, ended = reached[:], ended[:]
    for at in range(last + 1):
        reached[at] = DECAY * reached[at] + 1.0
        ended[at] *= DECAY
    ended[last] += 1.0
    return reached, ended
