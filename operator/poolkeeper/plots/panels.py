"""What happens over time: one strip below the other, so that no line covers another one; and curves."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from poolkeeper.plots.axis import Axis, ticked, titled
from poolkeeper.plots.palette import LIGHT, style, svg
from poolkeeper.plots.scatter import Kind

WIDTH = 7.2
"""Of a plot in inches."""
STRIP = 0.62
"""Height of one strip in inches."""
UNITS = ((3 * 86_400.0, 86_400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (0.0, 60.0, "minutes"))
"""From which length in seconds on a time axis counts what."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Values over time, one for each of equal parts of the time."""

    title: str
    values: Sequence[float]
    kind: Kind = Kind.PEER
    is_demand: bool = False
    """Whether it shows requests; all other strips share one scale."""


def strips(shown: Sequence[Strip], seconds: float, *, name: str, description: str) -> str:
    """An SVG with the strips below each other, over so many seconds."""
    unit, unit_name = next((unit, name) for least, unit, name in UNITS if seconds >= least)
    shared = [value for strip in shown if not strip.is_demand for value in strip.values]
    with style():
        figure = Figure(figsize=(WIDTH, 0.5 + STRIP * len(shown)))
        grid = figure.subplots(len(shown), 1, sharex=True, squeeze=False)
        for axes, strip in zip(grid[:, 0], shown, strict=True):
            colour = LIGHT["ink" if strip.is_demand else strip.kind]
            edges = [place * seconds / len(strip.values) / unit for place in range(len(strip.values) + 1)]
            axes.stairs(strip.values, edges, fill=True, color=colour, alpha=0.8, linewidth=0)
            scale = Axis("", ticks=2, is_whole=not strip.is_demand)
            axes.set_ylim(ticked(axes.yaxis, scale, strip.values if strip.is_demand else shared))
            axes.set_title(strip.title, loc="left", fontsize=8, pad=2, color=colour,
                           weight="bold" if strip.kind is Kind.OURS else "normal")  # fmt: skip
        ticked(axes.xaxis, Axis("", ticks=8), [seconds / unit])
        axes.set_xlim(0, seconds / unit)
        axes.set_xlabel(unit_name)
        return svg(figure, name, description)


def curve(points: Sequence[tuple[float, float]], x: Axis, y: Axis, *, name: str, description: str) -> str:
    """An SVG with one line."""
    with style():
        figure = Figure(figsize=(WIDTH, 2.4))
        axes = figure.subplots()
        titled(axes, x, y, points)
        axes.plot(*zip(*points, strict=True), color=LIGHT["ours"], linewidth=1.4)
        return svg(figure, name, description)
