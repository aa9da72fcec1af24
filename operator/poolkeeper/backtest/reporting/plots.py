"""Plots as inline SVG, drawn by matplotlib: no script, no font and nothing to load."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from math import cos, radians, sin

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.transforms import Bbox

INCHES = (7.2, 3.4)
OURS, THEIRS = "#0a7d4f", "#6b6b6b"
COLOURS = (OURS, "#b4472e", "#3566a8", "#8a5aa8", "#a87f1b", "#4c7f8c")
CHARACTER, HEIGHT = 5.2, 10.0
"""Width of a character and height of a line in points (1/72 inch), as labels need them on average."""
PLACES = [
    (distance * cos(radians(angle)), distance * sin(radians(angle)))
    for distance in (7, 16, 26, 38, 52, 70)
    for angle in (0, 180, 45, -45, 135, -135, 90, -90)
]
"""Where a label may stand beside its dot, in points: the nearest place that is free."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from 0 on, with a title that names the unit."""

    title: str
    most: float | None = None
    """The end of the axis at most: a share of requests ends at 100 %."""

    def end(self, values: Sequence[float]) -> float:
        """A little beyond the greatest value."""
        reach = 1.06 * max(values, default=0.0) or 1.0
        return reach if self.most is None else min(reach, self.most)


@dataclass(frozen=True, slots=True)
class Point:
    """A labelled dot."""

    x: float
    y: float
    label: str
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line through points, straight or in steps."""

    points: Sequence[tuple[float, float]]
    label: str
    has_steps: bool = False


def scatter(points: Sequence[Point], x: Axis, y: Axis, joined: Mapping[str, Sequence[Point]]) -> str:
    """Dots with their labels beside them; the legend names the series, whose dots are joined by a line."""
    with _style():
        figure, axes = _axes(x, y, [(point.x, point.y) for point in points])
        for name, series in joined.items():
            places = [point.x for point in series], [point.y for point in series]
            axes.plot(*places, color=_colour(series[0]), alpha=0.5, label=name, gid=f"joined {name}")
        for point in points:
            axes.scatter(point.x, point.y, s=25 if point.is_ours else 12, color=_colour(point), zorder=3)
        if joined:
            figure.legend(loc="outside upper left", ncols=5, frameon=False)
        _label(figure, axes, points)
        return _svg(figure)


def lines(drawn: Sequence[Line], x: Axis, y: Axis) -> str:
    with _style():
        figure, axes = _axes(x, y, [point for line in drawn for point in line.points])
        for line in drawn:
            axes.plot(*zip(*line.points, strict=True), label=line.label, linewidth=1.2,
                      drawstyle="steps-post" if line.has_steps else "default")  # fmt: skip
        figure.legend(loc="outside upper left", ncols=5, frameon=False)
        return _svg(figure)


@contextmanager
def _style() -> Iterator[None]:
    """Text stays text, and the same data gives the same bytes."""
    with mpl.rc_context(
        {
            "axes.grid": True,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "font.size": 8,
            "grid.color": "#e6e6e6",
            "svg.fonttype": "none",
            "svg.hashsalt": "poolkeeper",
        }
    ):
        yield


def _axes(x: Axis, y: Axis, points: Sequence[tuple[float, float]]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=INCHES)
    axes = figure.subplots()
    axes.set(xlabel=x.title, ylabel=y.title)
    axes.set(xlim=(0, x.end([at for at, _ in points])), ylim=(0, y.end([value for _, value in points])))
    return figure, axes


def _label(figure: Figure, axes: Axes, points: Sequence[Point]) -> None:
    """A label for each dot, where it covers neither another label nor a dot; a thin line leads to the dot."""
    figure.draw_without_rendering()
    pixels = figure.dpi / 72
    dots = [axes.transData.transform((point.x, point.y)) / pixels for point in points]
    inside = Bbox(axes.bbox.get_points() / pixels)
    taken = [Bbox.from_bounds(left - 3, top - 3, 6, 6) for left, top in dots]
    for point, (left, top) in zip(points, dots, strict=True):
        width = CHARACTER * len(point.label)
        for aside, up in PLACES:
            begin = left + aside - (width if aside < -1 else 0)
            box = Bbox.from_bounds(begin, top + up - HEIGHT / 2, width, HEIGHT)
            if not box.count_overlaps(taken) and all(inside.contains(*corner) for corner in box.corners()):
                break
        taken.append(box)
        axes.annotate(
            point.label, (point.x, point.y), (aside, up), textcoords="offset points", va="center",
            ha="right" if aside < -1 else "left", color=_colour(point),
            weight="bold" if point.is_ours else "normal",
            arrowprops={"arrowstyle": "-", "color": "#b0b0b0", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip


def _colour(point: Point) -> str:
    return OURS if point.is_ours else THEIRS


def _svg(figure: Figure) -> str:
    """The element alone: neither the XML declaration nor the date and the library's name."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return text.getvalue().partition("<svg")[1] + text.getvalue().partition("<svg")[2]
