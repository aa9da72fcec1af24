"""How far figures would differ on other pools of the same kind: the pools are drawn again, with replacement.

Of 40 pools, each drawing takes 40 at random, some of them twice and some not at all (the bootstrap). All
policies get the same drawings, so that their differences can be compared.
"""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poolkeeper.backtest.figures import PoolFigures

DRAWINGS = 1_000
FEWEST_POOLS = 8
"""With fewer pools the drawings are too much alike to say anything."""
SHARE = 95.0
"""Percent of the drawings that lie in a range."""

Range = tuple[float, float]


class Drawings:
    """The figures of every policy of a trace in each drawing of its pools."""

    def __init__(self, by_policy: Sequence[Sequence[PoolFigures]], seed: int) -> None:
        """One sequence of pools for each policy; the same seed gives the same drawings."""
        pools = len(by_policy[0])
        self.is_known = pools >= FEWEST_POOLS
        randomness = random.Random(f"{seed} drawings")  # noqa: S311
        counts = np.zeros((DRAWINGS if self.is_known else 1, pools))
        for drawing in counts:
            for place in randomness.choices(range(pools), k=pools) if self.is_known else range(pools):
                drawing[place] += 1
        requests = counts @ np.array([pool.requests for pool in by_policy[0]], dtype=float)
        hours = [[pool.outcome.accelerator_seconds / 3600 for pool in of_policy] for of_policy in by_policy]
        late = [[float(pool.late) for pool in of_policy] for of_policy in by_policy]
        self._hours = counts @ np.array(hours).T
        self._late_percent = 100 * (counts @ np.array(late).T) / requests[:, None]

    def late_percent(self, policy: int) -> Range | None:
        """Where the share of late requests lies; None where that is not known."""
        return _middle(self._late_percent[:, policy]) if self.is_known else None

    def hours_ratio(self, policy: int, beside: int) -> Range | None:
        """Where the hours of a policy lie, as a multiple of another one's.

        What both have in common, such as a large pool that was drawn twice, does not widen the range.
        """
        return _middle(self._hours[:, policy] / self._hours[:, beside]) if self.is_known else None


def _middle(values: NDArray[np.float64]) -> Range:
    outside = (100 - SHARE) / 2
    low, high = np.percentile(values, [outside, 100 - outside])
    return float(low), float(high)
