"""Axes that end at a round number, and never past the greatest value that can be."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis as Drawn
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

STEPS = (1, 2, 2.5, 5, 10)
"""Ticks are multiples of these, times a power of ten."""
WIDE_RANGE = 8.0
"""Values that differ by this factor or more are drawn on a logarithmic axis where one is allowed."""
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
        least = min(values, default=0.0)
        return self.is_fitted and self.most is None and least > 0 and max(values) / least >= WIDE_RANGE

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
    across, up = [at for at, _ in points], [value for _, value in points]
    axes.set(xlabel=x.title, ylabel=y.title)
    axes.set(xscale="log" if x.is_logarithmic(across) else "linear")
    axes.set(yscale="log" if y.is_logarithmic(up) else "linear")
    axes.set_xlim(ticked(axes.xaxis, x, across))
    axes.set_ylim(ticked(axes.yaxis, y, up))


def ticked(drawn: Drawn, axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    """Gives one axis its ticks for these values; returns its limits."""
    drawn.set_major_formatter(StrMethodFormatter("{x:g}"))
    if axis.is_logarithmic(values):
        drawn.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        drawn.set_minor_locator(NullLocator())
        return min(values) / 1.3, max(values) * 1.3
    places = axis.places(values)
    drawn.set_ticks(places)
    return places[0], places[-1]
