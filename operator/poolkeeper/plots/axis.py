"""Axes that end at a round number, and never past the greatest value that can be."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis as Drawn
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

STEPS = (1, 2, 2.5, 5, 10)
"""Ticks are multiples of these, times a power of ten."""
WIDE_RANGE = 12.0
"""Values that differ by this factor or more are drawn on a logarithmic axis where one is allowed."""
WIDEST_RANGE = 500.0
"""Smaller values than the greatest by this factor are drawn near 0."""
NARROW_RANGE = 1.4
"""Values that differ by less than this factor need no axis from 0."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis with a title that names the unit."""

    title: str
    most: float | None = None
    """The greatest value that can be: a share of requests ends at 100 %."""
    ticks: int = 6
    """At most so many steps between ticks."""
    is_whole: bool = False
    """Whether there is nothing between two whole numbers."""
    is_fitted: bool = False
    """Whether it may begin above 0, or be logarithmic, so that dots stand apart from each other."""

    def is_logarithmic(self, values: Sequence[float]) -> bool:
        """Whether small values would lie on each other beside the greatest."""
        least = min((value for value in values if value > 0), default=math.inf)
        return self.is_fitted and max(values) >= WIDE_RANGE * least

    def factors(self, values: Sequence[float]) -> list[float]:
        """The ticks of a logarithmic axis: 1, 2, 5, 10 and so on, and 0 before them where it is a value."""
        positive = [value for value in values if value > 0]
        least, most = max(min(positive), max(positive) / WIDEST_RANGE), max(positive)
        powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
        ticks = [float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5)]
        below, above = bisect_right(ticks, least) - 1, bisect_left(ticks, most)
        return [0.0] * (min(values) < ticks[below]) + ticks[below : above + 1]

    def places(self, values: Sequence[float]) -> list[float]:
        """The ticks of a linear axis, from 0 or the last that no value is below, to the first that none is
        beyond.
        """
        locator = MaxNLocator(self.ticks, steps=STEPS, integer=self.is_whole, min_n_ticks=1)
        most = max(values, default=0.0) or 1.0
        least = min(values, default=0.0)
        begin = least if self.is_fitted and least * NARROW_RANGE > most else 0.0
        end = most if self.most is None else min(most, self.most)
        places = [float(place) for place in locator.tick_values(begin, end) if place >= 0]
        return places if self.most is None else [place for place in places if place <= self.most]


def titled(axes: Axes, x: Axis, y: Axis, points: Sequence[tuple[float, float]]) -> None:
    """Gives axes their titles, limits and ticks for these points."""
    axes.set(xlabel=x.title, ylabel=y.title)
    across, up = [at for at, _ in points], [value for _, value in points]
    if x.is_logarithmic(across):
        axes.set_xlabel(f"{x.title} (logarithmic)")
        axes.set_xscale("symlog", **_near_zero(x.factors(across)))
    if y.is_logarithmic(up):
        axes.set_ylabel(f"{y.title} (logarithmic)")
        axes.set_yscale("symlog", **_near_zero(y.factors(up)))
    axes.set_xlim(ticked(axes.xaxis, x, across))
    axes.set_ylim(ticked(axes.yaxis, y, up))


def _near_zero(ticks: Sequence[float]) -> dict[str, float]:
    """Below the first tick that is not 0, an axis is linear and short."""
    return {"linthresh": ticks[0] or ticks[1], "linscale": 0.3}


def ticked(drawn: Drawn, axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    """Gives one axis its ticks for these values; returns its limits, which are the first and the last."""
    ticks = axis.factors(values) if axis.is_logarithmic(values) else axis.places(values)
    drawn.set_ticks(ticks)
    drawn.set_ticks([], minor=True)
    drawn.set_major_formatter(StrMethodFormatter("{x:g}"))
    return ticks[0], ticks[-1]
