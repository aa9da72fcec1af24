"""The comparison as a table on the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from poolkeeper.backtest.accounting import Row


def print_table(rows: Sequence[Row], console: Console | None = None) -> None:
    """One table per trace, Poolkeeper in bold."""
    console = console or Console(highlight=False)
    for trace in dict.fromkeys(row.trace for row in rows):
        console.print(comparison_table([row for row in rows if row.trace == trace]))


def comparison_table(rows: Sequence[Row]) -> Table:
    """The policies of one trace side by side."""
    first = rows[0]
    title = f"{first.trace}: {first.requests} requests, {first.pools} {'pool' if first.pools == 1 else 'pools'}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("policy", no_wrap=True)
    for name in ("hours", "× optimum", "breaks %", "wait p50", "wait p99", "starts", "actions", "most", "dollars"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        style = "bold" if row.policy.startswith("poolkeeper") else None
        table.add_row(row.policy, *_cells(row), style=style)
    bound = " (a lower bound)" if first.optimum_kind == "lower-bound" else ""
    table.caption = (
        f"optimum {first.optimum_hours:.2f} h{bound}; {first.unavoidable_breaks_percent:.2f} % of the requests "
        "break the budget in an always-on pool too"
    )
    table.caption_justify = "left"
    return table


def _cells(row: Row) -> list[str]:
    return [
        f"{row.accelerator_hours:.2f}",
        _shown(row.ratio_to_optimum, ".2f"),
        f"{row.breaks_percent:.2f}",
        _shown(row.wait_p50_seconds, ".1f", " s"),
        _shown(row.wait_p99_seconds, ".1f", " s"),
        _shown(row.cold_starts, "d"),
        _shown(row.scale_actions, "d"),
        _shown(row.max_replicas, "d"),
        _shown(row.dollars, ".2f"),
    ]


def _shown(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"
