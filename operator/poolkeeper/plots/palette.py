"""Colours and the style of all plots, and the SVG text that comes of a figure.

A plot names its colours by CSS variables: the page that it stands in says what they are in light and in dark
mode. In a file of its own, `alone` adds them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from io import StringIO

import matplotlib as mpl
from matplotlib.figure import Figure

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#212529",
    "muted": "#62676c",
    "grid": "#e3e6e8",
    "ours": "#0a7d4f",
    "bound": "#3566a8",
}
"""Colours by name: Poolkeeper's, those of bounds that know the future, and muted ones for its peers."""
DARK: Mapping[str, str] = {
    "paper": "#15181b",
    "ink": "#e6e8ea",
    "muted": "#a3a9ae",
    "grid": "#33383d",
    "ours": "#45cf94",
    "bound": "#86b4f2",
}
MEDIA_DARK = "@media screen and (prefers-color-scheme: dark)"


def variables(selector: str) -> str:
    """CSS that gives the colours to the elements of a selector; paper is always light."""
    light, dark = (
        "; ".join(f"--{name}: {colour}" for name, colour in colours.items()) for colours in (LIGHT, DARK)
    )
    return f"{selector} {{ {light}; }}\n{MEDIA_DARK} {{ {selector} {{ {dark}; }} }}"


@contextmanager
def style() -> Iterator[None]:
    """Text stays text, and the same data gives the same bytes."""
    with mpl.rc_context(
        {
            "axes.axisbelow": True,
            "axes.edgecolor": LIGHT["muted"],
            "axes.facecolor": "none",
            "axes.grid": True,
            "axes.labelcolor": LIGHT["ink"],
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.facecolor": LIGHT["paper"],
            "font.size": 8,
            "grid.color": LIGHT["grid"],
            "svg.fonttype": "none",
            "svg.hashsalt": "poolkeeper",
            "text.color": LIGHT["ink"],
            "xtick.color": LIGHT["muted"],
            "ytick.color": LIGHT["muted"],
        }
    ):
        yield


def svg(figure: Figure, name: str, description: str) -> str:
    """The element, with colours as variables, and ids that begin with its name, since a page has several.

    A screen reader reads the description instead of the drawing.
    """
    text = StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    _, tag, drawn = text.getvalue().partition("<svg")
    drawn = re.sub(r'(?<= id=")|(?<=href="#)|(?<=url\(#)', f"{name}-", drawn)
    for colour_name, colour in LIGHT.items():
        drawn = drawn.replace(colour, f"var(--{colour_name})")
    return f'{tag} role="img" aria-label="{escape(description)}"{drawn}'


def alone(drawn: str) -> str:
    """A plot as a file of its own."""
    head, end, rest = drawn.partition(">")
    return f"{head}{end}\n<style>\n{variables(':root')}\n</style>{rest}"
