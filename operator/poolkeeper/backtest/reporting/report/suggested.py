"""What was tried for `--suggest` as one HTML page: the advice, the frontier of the declarations, a table."""

from collections.abc import Sequence
from html import escape

from poolkeeper.backtest.comparison import Comparison
from poolkeeper.backtest.reporting.report.report import settings
from poolkeeper.backtest.reporting.suggested import HEADINGS, cells, verdict
from poolkeeper.backtest.reporting.unattainable import unattainable
from poolkeeper.backtest.suggest.changes import ALWAYS_UP, OBJECTIVE, REPLICAS
from poolkeeper.backtest.suggest.search import Suggestion, Tried
from poolkeeper.plots.axis import Axis
from poolkeeper.plots.page import figure, page, table
from poolkeeper.plots.scatter import Kind, Point, Series, scatter

JOINED = (OBJECTIVE, REPLICAS)
MOST_TIMES = 3.0
"""Dots far above the others would leave no room between those."""


def suggestions_page(comparison: Comparison, suggestions: Sequence[Suggestion], command: str) -> str:
    """`command` is what makes this page again."""
    parts = [_section(number, suggestion) for number, suggestion in enumerate(suggestions)]
    heading = "<h1>What to declare</h1>"
    return page("Poolkeeper backtest: what to declare", [heading, *parts, settings(comparison, command)])


def _section(number: int, suggestion: Suggestion) -> str:
    first, *others = verdict(suggestion)
    said = "".join(f"<p>{escape(line)}</p>" for line in (*others, *unattainable(suggestion.declared.said)))
    tried = suggestion.all_tried
    marked = [place for place, each in enumerate(tried) if each is suggestion.cheapest]
    plot = _frontier(suggestion, f"declared-{number}")
    caption = (
        "Each dot is a declaration that is held to the same promise. Green ones keep it; a ring marks the "
        f"cheapest. Those that cost more than {MOST_TIMES:g} times the first one are only in the table."
    )
    rows = [cells(each) for each in tried]
    return "\n".join(
        [
            f"<section><h2>{escape(suggestion.trace)}</h2>",
            f'<div class="verdict"><p><strong>{escape(first)}</strong></p>{said}</div>',
            figure(plot, caption),
            table("Everything that was tried", ("declared", *HEADINGS), rows, marked),
            "</section>",
        ]
    )


def _frontier(suggestion: Suggestion, name: str) -> str:
    most_hours = MOST_TIMES * suggestion.declared.hours
    same = [each for each in (suggestion.declared, *suggestion.same_promise) if each.hours <= most_hours]
    points = {each.change.words: _point(each, suggestion) for each in same}
    joined = []
    for field in JOINED:
        series = [points[each.change.words] for each in same if each.change.field == field]
        if len(series) > 1:
            joined.append(Series(field, sorted(series, key=lambda point: (point.y, -point.x))))
    promised = suggestion.declared.change
    words = ", ".join(f"{each.change.words} {each.hours:.2f} h at {each.late_percent:.2f} %" for each in same)
    return scatter(
        list(points.values()),
        Axis(
            f"requests that waited longer than {promised.budget_seconds:g} s, % "
            f"({100 - promised.objective_percent:g} % may)",
            most=100.0,
            is_fitted=True,
        ),
        Axis("accelerator-hours", is_fitted=True),
        joined=joined,
        name=name,
        description=f"Accelerator-hours and share of late requests of each declaration: {words}.",
    )


def _point(tried: Tried, suggestion: Suggestion) -> Point:
    change = tried.change
    label = f"always {change.value}" if change.field == ALWAYS_UP else change.value or change.words
    kind = Kind.OURS if tried.keeps else Kind.PEER
    return Point(tried.late_percent, tried.hours, label, kind, is_chosen=tried is suggestion.cheapest)
