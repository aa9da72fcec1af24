"""The comparison as one HTML page that loads nothing: a table and three plots for each trace."""

import re
from collections.abc import Sequence
from html import escape

from poolkeeper.backtest.comparison import Comparison, Results
from poolkeeper.backtest.controllers.registry import POOLKEEPER
from poolkeeper.backtest.figures import PoolFigures, Row
from poolkeeper.backtest.reporting.plots import Axis, Line, Point, lines, scatter
from poolkeeper.backtest.reporting.table import columns, shown_name
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.timeline import replicas_per_bin, requests_per_bin
from poolkeeper.backtest.traces.trace import PoolTrace, Trace

BINS = 240
JOINED = (POOLKEEPER, "fixed")
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e6e6e6; }
th:first-child, td:first-child { text-align: left; }
tr.ours { font-weight: bold; }
figure { margin: 1.5rem 0; } figcaption { color: #555; } svg { width: 100%; height: auto; }
"""


def report(comparison: Comparison, results: Results) -> str:
    sections = []
    width = len(comparison.policies)
    for number, trace in enumerate(comparison.traces):
        part = slice(number * width, (number + 1) * width)
        sections.append(_section(comparison, trace, results.rows[part], results.pools[part]))
    flags = ", ".join(f"{key} {value}" for key, value in comparison.parameters.items() if value is not None)
    start_times = _figure(
        _start_times(comparison.start_times),
        "How long starts take: the model of start times that was replayed.",
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Poolkeeper backtest</title>',
            f"<style>{STYLE}</style></head><body>",
            f"<h1>Poolkeeper backtest</h1><p>{escape(flags)}</p>",
            *sections,
            start_times,
            "</body></html>\n",
        ]
    )


def _section(
    comparison: Comparison, trace: Trace, rows: Sequence[Row], pools: Sequence[Sequence[PoolFigures]]
) -> str:
    busiest = max(range(len(trace.pools)), key=lambda place: len(trace.pools[place]))
    named = [(row.policy, each[busiest]) for row, each in zip(rows, pools, strict=True)]
    first = rows[0]
    return "\n".join(
        [
            f"<h2>{escape(trace.name)}</h2>",
            f"<p>{first.requests} requests, {first.pools} pools. Optimum ({first.optimum_kind}): "
            f"{first.optimum_hours:.2f} accelerator-hours. {first.unavoidable_late_percent:.2f} % of the "
            "requests are late in an always-on pool too.</p>",
            _table(rows),
            _figure(frontier(rows), "Cost against late requests: nearer to the lower left corner is better."),
            _figure(
                _demand(trace.pools[busiest]),
                f"Requests over time in the busiest pool, {escape(trace.pools[busiest].name)}.",
            ),
            _figure(_replicas(trace.pools[busiest], named), "Replicas paid for over time, in the same pool."),
        ]
    )


def _figure(plot: str, caption: str) -> str:
    return f"<figure>{plot}<figcaption>{caption}</figcaption></figure>"


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{title}</th>" for title in ("policy", *(column.title for column in columns(rows))))
    body = "".join(
        f"<tr{_ours(row)}><td>{escape(shown_name(row))}</td>"
        + "".join(f"<td>{column.cell(row)}</td>" for column in columns(rows))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _ours(row: Row) -> str:
    return ' class="ours"' if row.policy.startswith(POOLKEEPER) else ""


def frontier(rows: Sequence[Row]) -> str:
    """Cost against late requests; dots of one policy with several parameters are joined, cheapest first."""
    points = [_dot(row, row.policy) for row in rows]
    joined = {}
    for name in JOINED:
        members = [place for place, row in enumerate(rows) if row.policy.partition(":")[0] == name]
        if len(members) > 1:
            for place in members:
                points[place] = _dot(rows[place], re.split("[:=]", rows[place].policy)[-1])
            first = members[0]
            common = rows[first].policy.removesuffix(points[first].label)
            series = [points[place] for place in members]
            joined[f"{common}…"] = sorted(series, key=lambda point: (point.y, -point.x))
    late = Axis("requests that waited longer than the budget, %", most=100.0)
    return scatter(points, late, Axis("accelerator-hours"), joined)


def _dot(row: Row, label: str) -> Point:
    return Point(row.late_percent, row.accelerator_hours, label, row.policy.startswith(POOLKEEPER))


def _demand(pool: PoolTrace) -> str:
    begin, end = _span(pool)
    counts = requests_per_bin(pool.arrivals, begin, end, BINS)
    per_minute = [60 * count * BINS / (end - begin) for count in counts]
    return lines(
        [_over_time(pool, per_minute, "requests")], Axis("hours", end / 3600), Axis("requests per minute")
    )


def _replicas(pool: PoolTrace, figures: Sequence[tuple[str, PoolFigures]]) -> str:
    begin, end = _span(pool)
    drawn = [
        _over_time(pool, replicas_per_bin(each.outcome.replicas_over_time, begin, end, BINS), name)
        for name, each in figures
        if each.outcome.replicas_over_time
    ]
    return lines(drawn, Axis("hours", end / 3600), Axis("replicas"))


def _over_time(pool: PoolTrace, values: Sequence[float], name: str) -> Line:
    """One value for each bin, from the beginning of the bin to its end."""
    begin, end = _span(pool)
    hours = [(begin + place * (end - begin) / BINS) / 3600 for place in range(BINS + 1)]
    return Line(list(zip(hours, [*values, values[-1]], strict=True)), name, has_steps=True)


def _span(pool: PoolTrace) -> tuple[float, float]:
    """From zero to just after the last arrival, which then falls into the last bin."""
    return 0.0, pool.arrivals[-1] + 1.0


def _start_times(model: StartTimes) -> str:
    points = [(percent, model.quantile(percent / 100)) for percent in range(1, 100)]
    shares = Axis("share of the starts, %", most=100.0)
    return lines([Line(points, "ready within")], shares, Axis("seconds from the scale write"))
