"""Shares of late requests with 95 % intervals, from groups of pools that are independent of each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

Count = tuple[int, int]
"""Late requests of one group, and all of its requests."""


@dataclass(frozen=True)
class Share:
    """Late requests in percent of all, or a difference in points; half of the interval is on each side."""

    percent: float
    half: float
    """NaN with fewer than two groups."""

    def __str__(self) -> str:
        return f"{self.percent:.2f}" + ("" if math.isnan(self.half) else f" ± {self.half:.2f}")


def late_share(groups: Sequence[Count]) -> Share:
    """The share of all groups together, with Student's t over the groups: they differ in their sizes too, so
    the spread is that of each group's late requests around the common share of its own requests.
    """
    requests = sum(of for _, of in groups)
    if not requests:
        return Share(0.0, math.nan)
    common = sum(late for late, _ in groups) / requests
    squares = sum((late - common * of) ** 2 for late, of in groups)
    return Share(100 * common, 100 * _half(squares, len(groups)) / requests)


def _half(squares: float, groups: int) -> float:
    """Half of the interval of a sum over groups, whose deviations have this sum of squares."""
    if groups < 2:
        return math.nan
    return float(stdtrit(groups - 1, 0.975)) * math.sqrt(squares * groups / (groups - 1))
