"""Labels beside their dots, where they cover neither each other nor a dot: matplotlib does not do that."""

from collections.abc import Sequence
from math import cos, dist, radians, sin
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from poolkeeper.plots.palette import LIGHT

CHARACTER, HEIGHT = 5.2, 10.0
"""Width of a character and height of a line in points (1/72 inch), as labels need them on average."""
DOT, LINE = 3.0, 1.5
"""Radius of a dot, and half the width of a line in points, with a little room."""
PLACES = [
    (distance * cos(radians(angle)), distance * sin(radians(angle)))
    for distance in (7, 14, 21, 30, 42, 56, 72, 90, 120, 150, 190)
    for angle in (0, 180, 45, -45, 135, -135, 90, -90, 20, -20, 160, -160, 70, -70, 110, -110)
]
"""Where a label may stand beside its dot, in points: the nearest place that is free."""


Place = tuple[float, float]
Segment = tuple[Place, Place]
"""A straight line from one place to another."""


class Label(NamedTuple):
    """A text that belongs to a dot."""

    x: float
    y: float
    text: str
    colour: str
    is_bold: bool


def label(figure: Figure, axes: Axes, labels: Sequence[Label], segments: Sequence[Segment]) -> None:
    """Writes the labels, those that matter most first; a thin line leads from a label to its dot.

    `segments` are the lines that no label should cover.
    """
    figure.draw_without_rendering()
    pixels = figure.dpi / 72

    def placed(x: float, y: float) -> tuple[float, float]:
        left, low = axes.transData.transform((x, y)) / pixels
        return float(left), float(low)

    dots = [placed(each.x, each.y) for each in labels]
    inside = Bbox(axes.bbox.get_points() / pixels)
    taken = [_around(*dot, DOT) for dot in dots]
    taken += [box for begin, end in segments for box in _along(placed(*begin), placed(*end))]
    for each, (left, low) in zip(labels, dots, strict=True):
        box, (aside, up) = _place(each, left, low, inside, taken)
        taken.append(box)
        axes.annotate(
            each.text, (each.x, each.y), (aside, up), textcoords="offset points", va="center",
            ha="right" if aside < -1 else "left", color=each.colour,
            weight="bold" if each.is_bold else "normal", annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": LIGHT["muted"], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2
            },
        )  # fmt: skip


def _around(left: float, low: float, radius: float) -> Bbox:
    return Bbox.from_bounds(left - radius, low - radius, 2 * radius, 2 * radius)


def _along(begin: Place, end: Place) -> list[Bbox]:
    """Small boxes that together cover a line."""
    steps = 1 + int(dist(begin, end) / (2 * LINE))
    shares = [step / steps for step in range(steps + 1)]
    (left, low), (right, high) = begin, end
    return [_around(left + share * (right - left), low + share * (high - low), LINE) for share in shares]


def _place(
    each: Label, left: float, low: float, inside: Bbox, taken: Sequence[Bbox]
) -> tuple[Bbox, tuple[float, float]]:
    """The first free place, or the last one where there is none."""
    width = CHARACTER * len(each.text) * (1.1 if each.is_bold else 1.0)
    for aside, up in PLACES:
        begin = left + aside - (width if aside < -1 else 0)
        box = Bbox.from_bounds(begin, low + up - HEIGHT / 2, width, HEIGHT)
        if not box.count_overlaps(taken) and all(inside.contains(*corner) for corner in box.corners()):
            break
    return box, (aside, up)
