"""The comparison as a table on the terminal."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.reporting.pools import PoolRows

WIDEST = 1000
OF_A_POOL = ("accelerator_hours", "ratio_to_optimum", "late_percent", "avoidable_late_percent",
             "wait_p50_seconds", "wait_p99_seconds", "cold_starts", "dollars")  # fmt: skip
"""What is shown of single pools."""


class Column(NamedTuple):
    """A field of a row: its heading on the terminal and in the report, and the format of its numbers."""

    heading: str
    title: str
    field: str
    form: str

    def cell(self, row: Row) -> str:
        """The number; an unknown one is left empty."""
        value = getattr(row, self.field)
        return "" if value is None else f"{value:{self.form}}"


DOLLARS = Column("dollars", "dollars", "dollars", ".2f")
LOST = Column("lost", "lost", "lost", "d")
"""Requests that were stopped with their replica."""
COLUMNS = (
    Column("hours", "accelerator-hours", "accelerator_hours", ".2f"),
    Column("×opt", "× optimum", "ratio_to_optimum", ".2f"),
    Column("late %", "late %", "late_percent", ".2f"),
    Column("avoidable", "avoidably late %", "avoidable_late_percent", ".2f"),
    Column("p50", "wait p50 s", "wait_p50_seconds", ".1f"),
    Column("p95", "wait p95 s", "wait_p95_seconds", ".1f"),
    Column("p99", "wait p99 s", "wait_p99_seconds", ".1f"),
    Column("starts", "cold starts", "cold_starts", "d"),
    Column("writes", "scale actions", "scale_actions", "d"),
    Column("max", "most replicas", "max_replicas", "d"),
)


def columns(rows: Sequence[Row]) -> Sequence[Column]:
    """All columns; dollars where a class was given, lost requests where replicas do not drain."""
    lost = () if rows[0].parameters.get("drains", True) else (LOST,)
    dollars = () if rows[0].dollars is None else (DOLLARS,)
    return (*COLUMNS, *lost, *dollars)


def shown_name(row: Row) -> str:
    """The policy, and the settings that were found for a tuned peer."""
    chosen = row.parameters.get("tuned_to")
    return f"{row.policy} ({chosen.partition(':')[2]})" if chosen else row.policy


def print_tables(
    by_trace: Sequence[Sequence[Row]],
    console: Console | None = None,
    pools: Sequence[Sequence[PoolRows]] = (),
) -> None:
    """One table per trace, Poolkeeper in bold; a narrow terminal wraps lines, so that no digit is lost.

    `pools` has for each trace the pools that get a table of their own. Raises BrokenPipeError where nothing
    reads the tables; the library would end the process.
    """
    console = console or Console(highlight=False)
    tables: list[Table] = []
    for rows, of_pools in zip_longest(by_trace, pools):
        tables.append(comparison_table(rows))
        if of_pools:
            tables.append(pool_table(of_pools))
    wide = console.options.update(max_width=WIDEST)
    console.width = max(console.width, *(console.measure(table, options=wide).maximum for table in tables))
    with console.capture() as printed:
        for table in tables:
            console.print(table)
    console.file.write(printed.get())


def comparison_table(rows: Sequence[Row]) -> Table:
    first = rows[0]
    title = (
        f"{first.trace}: {first.requests} requests, {first.pools} {'pool' if first.pools == 1 else 'pools'}"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("policy", no_wrap=True)
    for column in columns(rows):
        table.add_column(column.heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.policy, *(column.cell(row) for column in columns(rows)), style=_style(row))
    bound = " (a lower bound)" if first.optimum_kind == "lower-bound" else ""
    has_lost = not first.parameters.get("drains", True)
    table.caption = (
        f"hours: accelerator-hours; ×opt: their ratio to the optimum of {first.optimum_hours:.2f} h{bound}; "
        f"late: waited longer than the budget ({first.unavoidable_late_percent:.2f} % of requests are late "
        "in an always-on pool too; avoidable: the others); p50, p95, p99: waits in seconds; "
        "writes: changes of the number of replicas; max: most replicas"
        + ("; lost: stopped with their replica, and so never served" if has_lost else "")
        + "".join(
            f"\n{row.policy} is {row.parameters['tuned_to']}" for row in rows if "tuned_to" in row.parameters
        )
    )
    table.caption_justify = "left"
    return table


def pool_table(pools: Sequence[PoolRows]) -> Table:
    """Some pools of a trace, each with one line for each policy."""
    first = pools[0][0].row
    number = f"{len(pools)} pools" if len(pools) > 1 else "pool"
    title = f"The {number} on which {first.policy} pays most above the optimum"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("pool")
    table.add_column("requests", justify="right", no_wrap=True)
    table.add_column("policy", no_wrap=True)
    shown = [column for column in columns([first]) if column.field in OF_A_POOL]
    for column in shown:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for rows in pools:
        for place, (row, _) in enumerate(rows):
            name = (row.trace, str(row.requests)) if place == 0 else ("", "")
            table.add_row(
                *name,
                row.policy,
                *(column.cell(row) for column in shown),
                style=_style(row),
                end_section=place == len(rows) - 1,
            )
    return table


def _style(row: Row) -> str | None:
    return "bold" if row.policy.startswith("poolkeeper") else None
