"""Statements as one HTML file that loads nothing: the table, and accelerators over time."""

import math
from collections.abc import Sequence
from html import escape

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.commands.bill.tables import as_rows
from poolkeeper.core.billing.amounts import HOUR, Amounts, summed
from poolkeeper.core.billing.statement import Statement
from poolkeeper.plots.page import figure, page, table
from poolkeeper.plots.panels import Strip, strips
from poolkeeper.plots.scatter import Kind

MOST_DRAWN = 8
"""Pools that have a strip of their own: those that were paid for most."""
MOST_PARTS = 336
"""Parts of the time in a plot: the hours of two weeks."""


def as_html(statements: Sequence[Statement], assumptions: Sequence[str], since: float, now: float) -> str:
    """The whole file."""
    title = f"Accelerators from {format_timestamp(since)} to {format_timestamp(now)}"
    head, *rows = as_rows(statements)
    listed = "".join(f"<li>{escape(each)}</li>" for each in assumptions)
    parts = [f"<h1>{title}</h1>"]
    if statements:
        parts += [
            f"<section>{table('What each pool was paid for, and what was saved', head, rows)}</section>",
            f"<section><h2>Over time</h2>{_plot(statements, since, now)}</section>",
        ]
    else:
        parts.append("<p>Nothing was paid for.</p>")
    parts.append(f"<section><h2>What this assumes</h2><ul>{listed}</ul></section>")
    return page(title, parts)


def _plot(statements: Sequence[Statement], since: float, now: float) -> str:
    everything = _OverTime(statements, since, now)
    shown = [
        Strip("all pools: busy", everything("busy"), Kind.OURS),
        Strip("all pools: starting", everything("starting")),
        Strip("all pools: idle, or not seen whether busy", everything("idle", "unknown")),
        Strip("all pools: node tails", everything("tail")),
    ]
    dearest = sorted(statements, key=lambda each: -each.sums.chip_seconds.paid)[:MOST_DRAWN]
    if len(statements) > 1:
        for each in dearest:
            own = _OverTime([each], since, now)
            name = f"{each.namespace}/{each.name}"
            shown.append(Strip(name, own("starting", "busy", "idle", "unknown", "tail"), Kind.OURS))
    description = "Accelerators that were paid for over time, by state and by pool"
    drawn = strips(shown, now - since, name="bill", description=description)
    return figure(drawn, "Accelerators paid for, on average over each hour.")


class _OverTime:
    """Accelerators by part of the time."""

    def __init__(self, statements: Sequence[Statement], since: float, now: float) -> None:
        count = min(MOST_PARTS, max(1, math.ceil((now - since) / HOUR)))
        self._length = (now - since) / count
        self._parts = [Amounts()] * count
        for each in statements:
            for span, rows in ((24 * HOUR, each.days), (HOUR, each.hours)):
                for row in rows:
                    self._add(row.number * span, span, summed([row]).chip_seconds, since)

    def __call__(self, *states: str) -> list[float]:
        return [sum(getattr(part, state) for state in states) / self._length for part in self._parts]

    def _add(self, begin: float, span: float, amounts: Amounts, since: float) -> None:
        first = max(0, int((begin - since) // self._length))
        last = min(len(self._parts) - 1, math.ceil((begin + span - since) / self._length) - 1)
        for place in range(first, last + 1):
            left = max(begin, since + place * self._length)
            right = min(begin + span, since + (place + 1) * self._length)
            if right > left:
                share = amounts.times((right - left) / span)
                self._parts[place] = self._parts[place].plus(share)
