"""The pools that decide a comparison: those on which Poolkeeper and its peer differ most."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from poolkeeper.backtest.figures import PoolFigures

MOST = 10
"""Pools that are shown."""


class Difference(NamedTuple):
    """One pool under two policies."""

    place: int
    """Its number in the trace."""
    mine: PoolFigures
    theirs: PoolFigures

    @property
    def hours(self) -> float:
        """Accelerator-hours that the first policy takes more than the second one."""
        return (self.mine.outcome.accelerator_seconds - self.theirs.outcome.accelerator_seconds) / 3600


def deciding(mine: Sequence[PoolFigures], theirs: Sequence[PoolFigures]) -> list[Difference]:
    """All pools, those with the largest differences in either direction first."""
    found = [Difference(place, *pair) for place, pair in enumerate(zip(mine, theirs, strict=True))]
    return sorted(found, key=lambda each: -abs(each.hours))


def half(differences: Sequence[Difference]) -> int:
    """How many pools, the first ones, make up half of all differences."""
    sums = list(accumulate(abs(each.hours) for each in differences))
    return 1 + sum(total < sums[-1] / 2 for total in sums)
