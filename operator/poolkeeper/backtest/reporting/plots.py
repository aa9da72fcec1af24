"""Plots as inline SVG, drawn by matplotlib: no script, no font and nothing to load."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

INCHES = (7.2, 3.4)
OURS, THEIRS = "#0a7d4f", "#6b6b6b"
COLOURS = (OURS, "#b4472e", "#3566a8", "#8a5aa8", "#a87f1b", "#4c7f8c")
LABEL_WIDTH, LABEL_HEIGHT = 95.0, 9.0
"""Points (1/72 inch) that are kept free for a label, so that two labels don't cover each other."""


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


def scatter(points: Sequence[Point], x: Axis, y: Axis, joined: Sequence[Sequence[Point]] = ()) -> str:
    """Dots with their names beside them; each of `joined` is a series of dots with a line through it."""
    with _style():
        figure, axes = _axes(x, y, [(point.x, point.y) for point in points])
        for series in joined:
            (line,) = axes.plot(
                [point.x for point in series], [point.y for point in series], color=_colour(series[0])
            )
            line.set(alpha=0.5, gid=f"joined {series[0].label}")
        for point in points:
            axes.scatter(point.x, point.y, s=36 if point.is_ours else 16, color=_colour(point), zorder=3)
        _label(figure, axes, points)
        return _svg(figure)


def lines(drawn: Sequence[Line], x: Axis, y: Axis) -> str:
    """Lines with a legend."""
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
    """Names beside the dots, from the top down; a name that would cover another is moved below it."""
    figure.draw_without_rendering()
    pixels = figure.dpi / 72
    ends_at = axes.bbox.x1 / pixels
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda each: each.y, reverse=True):
        left, dot = axes.transData.transform((point.x, point.y)) / pixels
        height = dot
        while any(
            abs(height - at) < LABEL_HEIGHT and abs(left - beside) < LABEL_WIDTH for beside, at in taken
        ):
            height -= LABEL_HEIGHT
        taken.append((left, height))
        is_at_end = left > ends_at - LABEL_WIDTH
        axes.annotate(
            point.label, (point.x, point.y), (-6 if is_at_end else 6, height - dot),
            textcoords="offset points", ha="right" if is_at_end else "left", va="center",
            color=_colour(point), weight="bold" if point.is_ours else "normal",
        )  # fmt: skip


def _colour(point: Point) -> str:
    return OURS if point.is_ours else THEIRS


def _svg(figure: Figure) -> str:
    """The element alone: neither the XML declaration nor the date and the library's name."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return text.getvalue().partition("<svg")[1] + text.getvalue().partition("<svg")[2]
