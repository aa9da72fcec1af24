"""The comparison as a table on the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from poolkeeper.backtest.figures import Row

COLUMNS = ("hours", "×opt", "late", "p50", "p99", "starts", "writes", "max")
NARROWEST = 100


def print_tables(by_trace: Sequence[Sequence[Row]], console: Console | None = None) -> None:
    """One table per trace, Poolkeeper in bold; a narrow terminal wraps lines, so that no digit is lost."""
    console = console or Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    for rows in by_trace:
        console.print(comparison_table(rows))


def comparison_table(rows: Sequence[Row]) -> Table:
    """The policies of one trace side by side."""
    first = rows[0]
    title = (
        f"{first.trace}: {first.requests} requests, {first.pools} {'pool' if first.pools == 1 else 'pools'}"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    has_dollars = any(row.dollars is not None for row in rows)
    table.add_column("policy", no_wrap=True)
    for name in (*COLUMNS, "dollars") if has_dollars else COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        style = "bold" if row.policy.startswith("poolkeeper") else None
        table.add_row(row.policy, *_cells(row, has_dollars), style=style)
    bound = " (a lower bound)" if first.optimum_kind == "lower-bound" else ""
    table.caption = (
        f"hours: accelerator-hours; ×opt: their ratio to the optimum of {first.optimum_hours:.2f} h{bound}; "
        f"late: waited longer than the budget ({first.unavoidable_late_percent:.2f} % of requests are late "
        "in an always-on pool too); p50, p99: waits in seconds"
    )
    table.caption_justify = "left"
    return table


def _cells(row: Row, has_dollars: bool) -> list[str]:
    cells = [
        f"{row.accelerator_hours:.2f}",
        _shown(row.ratio_to_optimum, ".2f"),
        f"{row.late_percent:.2f} %",
        _shown(row.wait_p50_seconds, ".1f"),
        _shown(row.wait_p99_seconds, ".1f"),
        _shown(row.cold_starts, "d"),
        _shown(row.scale_actions, "d"),
        _shown(row.max_replicas, "d"),
    ]
    return [*cells, _shown(row.dollars, ".2f")] if has_dollars else cells


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
