"""The comparison as one HTML page that loads nothing: a verdict, tables and plots for each trace."""

from html import escape
from importlib.metadata import version

from poolkeeper.backtest.comparison import Comparison, Results
from poolkeeper.backtest.reporting.report.sections import Section
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.plots.axis import Axis
from poolkeeper.plots.page import definitions, figure, page
from poolkeeper.plots.panels import curve


def report(comparison: Comparison, results: Results, command: str) -> str:
    """`command` is what makes this page again."""
    width = len(comparison.policies)
    parts = []
    for number, trace in enumerate(comparison.traces):
        part = slice(number * width, (number + 1) * width)
        section = Section(comparison, number, trace, results.rows[part], results.pools[part])
        parts.append(section.html())
    return page(
        "Poolkeeper backtest", ["<h1>Poolkeeper backtest</h1>", *parts, settings(comparison, command)]
    )


def settings(comparison: Comparison, command: str) -> str:
    """The last section of a page: everything that its figures depend on."""
    values = {name.replace("_", " "): value for name, value in comparison.parameters.items()}
    policies = ", ".join(policy.label for policy in comparison.policies)
    listed = definitions({"version": version("poolkeeper"), "policies": policies, **values})
    starts = figure(
        _start_times(comparison.start_times),
        "How long starts take: the share of the starts that are ready within a time.",
    )
    return "\n".join(
        [
            f"<section><h2>Settings</h2>{listed}",
            f"<h3>The command that makes this page again</h3><pre><code>{escape(command)}</code></pre>",
            starts,
            "</section>",
        ]
    )


def _start_times(model: StartTimes) -> str:
    points = [(model.quantile(percent / 100), float(percent)) for percent in range(1, 100)]
    middle, most = model.quantile(0.5), model.quantile(0.95)
    return curve(
        [(0.0, 0.0), (points[0][0], 0.0), *points],
        Axis("seconds from the scale write"),
        Axis("share of the starts, %", most=100.0),
        name="starts",
        description=f"Half of the starts are ready within {middle:.0f} s, and 95 % within {most:.0f} s.",
    )
