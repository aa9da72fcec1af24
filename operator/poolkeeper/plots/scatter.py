"""Two things that are weighed against each other, such as cost and late requests: dots with labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from poolkeeper.plots.axis import Axis, titled
from poolkeeper.plots.labels import Label, Segment, label
from poolkeeper.plots.palette import LIGHT, style, svg

INCHES = (7.2, 3.9)


class Kind(StrEnum):
    """Whose dot it is: its colour and its form."""

    OURS = "ours"
    PEER = "muted"
    BOUND = "bound"
    """Of what knows the future, and is no policy that one could run."""


FORMS = {Kind.OURS: "o", Kind.PEER: "o", Kind.BOUND: "D"}
AREAS = {Kind.OURS: 30.0, Kind.PEER: 14.0, Kind.BOUND: 16.0}
"""Of dots, in square points."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """A labelled dot."""

    x: float
    y: float
    label: str
    kind: Kind = Kind.PEER
    x_range: Range | None = None
    """Where the value lies, drawn as a thin line; for points that are joined, as a band."""
    y_range: Range | None = None
    is_chosen: bool = False
    """Whether a ring marks it."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points that a line joins, in this order; the legend names it."""

    name: str
    points: Sequence[Point]


def scatter(
    points: Sequence[Point], x: Axis, y: Axis, *, joined: Sequence[Series] = (), name: str, description: str
) -> str:
    """An SVG of dots with their labels beside them; points of `joined` that stand in `points` are labelled.

    `name` is unique on the page, and `description` is what a screen reader reads.
    """
    with style():
        figure = Figure(figsize=INCHES)
        axes = figure.subplots()
        everything = [*points, *(point for series in joined for point in series.points)]
        titled(axes, x, y, [place for point in everything for place in _extent(point)])
        for series in joined:
            _join(axes, series)
        in_bands = {id(point) for series in joined for point in series.points}
        lines = [line for point in points if id(point) not in in_bands for line in _ranges(point)]
        for begin, end in lines:
            axes.plot(*zip(begin, end, strict=True), color=LIGHT["muted"], alpha=0.5, linewidth=1.0)
        for point in points:
            _dot(axes, point)
        if joined:
            figure.legend(loc="outside upper left", ncols=3, frameon=False)
        lines += [
            line for series in joined for line in pairwise((point.x, point.y) for point in series.points)
        ]
        first = sorted(points, key=lambda point: (not point.is_chosen, point.kind is not Kind.OURS))
        label(figure, axes, [_label(point) for point in first if point.label], lines)
        return svg(figure, name, description)


def _ranges(point: Point) -> list[Segment]:
    across = [((point.x_range[0], point.y), (point.x_range[1], point.y))] if point.x_range else []
    up = [((point.x, point.y_range[0]), (point.x, point.y_range[1]))] if point.y_range else []
    return across + up


def _extent(point: Point) -> list[tuple[float, float]]:
    """The dot and the ends of its ranges."""
    return [(point.x, point.y), *(place for line in _ranges(point) for place in line)]


def _join(axes: Axes, series: Series) -> None:
    colour = LIGHT[series.points[0].kind]
    across = [point.x for point in series.points]
    axes.plot(across, [point.y for point in series.points], color=colour, alpha=0.6, linewidth=1.2,
              label=series.name, gid=f"joined {series.name}")  # fmt: skip
    ranges = [point.y_range for point in series.points]
    if all(ranges):
        low, high = zip(*(found for found in ranges if found), strict=True)
        axes.fill_between(across, low, high, color=colour, alpha=0.15, linewidth=0)


def _dot(axes: Axes, point: Point) -> None:
    colour = LIGHT[point.kind]
    axes.scatter(point.x, point.y, s=AREAS[point.kind], marker=FORMS[point.kind], color=colour, zorder=3,
                 clip_on=False)  # fmt: skip
    if point.is_chosen:
        axes.scatter(point.x, point.y, s=110, facecolors="none", edgecolors=LIGHT["ink"], zorder=4,
                     clip_on=False)  # fmt: skip


def _label(point: Point) -> Label:
    is_bold = point.is_chosen or point.kind is Kind.OURS
    return Label(point.x, point.y, point.label, LIGHT[point.kind], is_bold)
