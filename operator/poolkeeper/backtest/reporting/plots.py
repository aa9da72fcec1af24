"""Plots as inline SVG: no script, no style sheet and nothing to load."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44
COLOURS = ("#0a7d4f", "#b4472e", "#3566a8", "#8a5aa8", "#a87f1b", "#4c7f8c", "#a8456f", "#6b6b6b")


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low` to `high`, with a title that names the unit."""

    title: str
    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Five evenly spaced values."""
        return [self.low + (self.high - self.low) * step / 4 for step in range(5)]


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


def axis(title: str, values: Sequence[float]) -> Axis:
    """From zero to a little above the greatest value."""
    return Axis(title, 0.0, max([value for value in values if value > 0], default=1.0) * 1.06)


def scatter(points: Sequence[Point], x: Axis, y: Axis, joined: Sequence[Sequence[Point]] = ()) -> str:
    """Dots with their names beside them, names that would collide moved down; each of `joined` is a series of
    them with a line through it.
    """
    drawn = [_joined(series, x, y) for series in joined]
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda each: each.y, reverse=True):
        left, top = _left(x, point.x), _top(y, point.y)
        label_top = top + 4
        while any(abs(label_top - other) < 12 and abs(left - beside) < 150 for beside, other in taken):
            label_top += 12
        taken.append((left, label_top))
        colour = COLOURS[0] if point.is_ours else COLOURS[7]
        at_right = left > WIDTH - 150
        anchor, label_left = ("end", left - 9) if at_right else ("start", left + 9)
        weight = "bold" if point.is_ours else "normal"
        drawn.append(
            f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{6 if point.is_ours else 4}" fill="{colour}"/>'
        )
        drawn.append(
            f'<text x="{label_left:.1f}" y="{label_top:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-weight="{weight}">{escape(point.label)}</text>'
        )
    return _framed(drawn, x, y)


def lines(drawn: Sequence[Line], x: Axis, y: Axis) -> str:
    """Lines with a legend above them."""
    parts: list[str] = []
    for place, line in enumerate(drawn):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<path d="{_path(line, x, y)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(
            f'<text x="{LEFT + 8 + 150 * (place % 4)}" y="{TOP + 12 + 14 * (place // 4)}" fill="{colour}">'
            f"{escape(line.label)}</text>"
        )
    return _framed(parts, x, y)


def _joined(series: Sequence[Point], x: Axis, y: Axis) -> str:
    colour = COLOURS[0] if series[0].is_ours else COLOURS[7]
    line = Line([(point.x, point.y) for point in series], series[0].label)
    return f'<path d="{_path(line, x, y)}" fill="none" stroke="{colour}" stroke-opacity="0.5"/>'


def _path(line: Line, x: Axis, y: Axis) -> str:
    words: list[str] = []
    for number, (at, value) in enumerate(line.points):
        left, top = f"{_left(x, at):.1f}", f"{_top(y, value):.1f}"
        if number == 0:
            words.append(f"M{left},{top}")
        elif line.has_steps:
            words.append(f"H{left}V{top}")
        else:
            words.append(f"L{left},{top}")
    return "".join(words)


def _left(x: Axis, value: float) -> float:
    return LEFT + x.share(value) * (WIDTH - LEFT - RIGHT)


def _top(y: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM)


def _framed(parts: Sequence[str], x: Axis, y: Axis) -> str:
    frame = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="11" '
        'xmlns="http://www.w3.org/2000/svg">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for value in x.ticks():
        left = _left(x, value)
        frame.append(
            f'<line x1="{left:.1f}" x2="{left:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e6e6e6"/>'
        )
        frame.append(
            f'<text x="{left:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:.3g}</text>'
        )
    for value in y.ticks():
        top = _top(y, value)
        frame.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top:.1f}" y2="{top:.1f}" stroke="#e6e6e6"/>'
        )
        frame.append(f'<text x="{LEFT - 6}" y="{top + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    middle = (HEIGHT - BOTTOM + TOP) / 2
    frame.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.title)}</text>')
    turned = f'text-anchor="middle" transform="rotate(-90 14 {middle})"'
    frame.append(f'<text x="14" y="{middle}" {turned}>{escape(y.title)}</text>')
    return "\n".join([*frame, *parts, "</svg>"])
