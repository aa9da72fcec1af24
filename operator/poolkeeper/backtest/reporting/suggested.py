"""What `poolkeeper backtest --suggest` prints: a verdict in words, and what was tried as a table."""

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from poolkeeper.backtest.comparison import Comparison
from poolkeeper.backtest.reporting.unattainable import unattainable
from poolkeeper.backtest.suggest.search import Suggestion, Tried

HEADINGS = ("hours", "late %", "promise", "")


def print_suggestions(suggestions: Sequence[Suggestion], console: Console | None = None) -> None:
    """For each trace the verdict, the table, and what BudgetAttainable says of the pools as declared.

    Raises BrokenPipeError where nothing reads them; the library would end the process.
    """
    console = console or Console(highlight=False)
    console.width = max(console.width, 100)
    with console.capture() as printed:
        for suggestion in suggestions:
            for line in verdict(suggestion):
                console.print(line)
            console.print(table(suggestion))
            for line in unattainable(suggestion.declared.said):
                console.print(line)
    console.file.write(printed.get())


def suggestions_as_json(comparison: Comparison, suggestions: Sequence[Suggestion]) -> str:
    """What was tried as a JSON array of objects, the same bytes whenever the same is tried."""
    objects = [_object(comparison, found.trace, tried) for found in suggestions for tried in found.all_tried]
    return json.dumps(objects, indent=2, allow_nan=False)


def _object(comparison: Comparison, trace: str, tried: Tried) -> dict[str, Any]:
    change = tried.change
    return {
        "trace": trace,
        "declared": change.words,
        "budget_seconds": change.budget_seconds,
        "objective_percent": change.objective_percent,
        "accelerator_hours": tried.hours,
        "breaks": tried.late,
        "breaks_percent": tried.late_percent,
        "kept": tried.keeps,
        "unattainable": list(tried.said),
        "parameters": comparison.parameters,
        "version": version("poolkeeper"),
    }


def verdict(suggestion: Suggestion) -> Iterator[str]:
    """The advice, a sentence each."""
    declared, cheapest, longer = suggestion.declared, suggestion.cheapest, suggestion.shortest_budget
    change = declared.change
    promise = f"{change.objective_percent:g} % within {change.budget_seconds:g} s"
    kept = "kept" if declared.keeps else "broken"
    yield (
        f"{suggestion.trace}: as declared, {promise} is {kept}: {declared.late_percent:.2f} % of "
        f"{declared.requests:,} requests are late, for {declared.hours:.2f} accelerator-hours."
    )
    if cheapest is None:
        yield "None of the declarations that were tried keeps it."
    elif cheapest is declared:
        yield "Nothing needs to change. None of the declarations that were tried keeps it for less."
    else:
        needed = "Nothing needs to change. " if declared.keeps else ""
        words, cost = cheapest.change.words, _beside(cheapest, declared)
        yield f"{needed}The cheapest that keeps it: {words}, for {cost}."
        if cheapest.change.setting.objective_percent < change.objective_percent:
            yield (
                f"It declares less than the {change.objective_percent:g} % that are promised, so that other "
                "requests may break the promise."
            )
    if longer is not None:
        within = f"{change.objective_percent:g} % within {longer.change.budget_seconds:g} s"
        yield f"With a longer budget: {within} is kept for {_beside(longer, declared)}."


def _beside(tried: Tried, declared: Tried) -> str:
    more = 100 * (tried.hours / declared.hours - 1)
    return f"{tried.hours:.2f} h ({more:+.1f} %) with {tried.late_percent:.2f} % late"


def table(suggestion: Suggestion) -> Table:
    """Every declaration that was tried; the cheapest that keeps the promise is bold."""
    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    found.add_column("declared", no_wrap=True)
    for heading in HEADINGS:
        found.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for group in ((suggestion.declared, *suggestion.same_promise), suggestion.other_promises):
        for tried in group:
            found.add_row(*cells(tried), style="bold" if tried is suggestion.cheapest else None)
        found.add_section()
    return found


def cells(tried: Tried) -> tuple[str, ...]:
    """One line of the table."""
    change = tried.change
    promise = f"{change.objective_percent:g} % within {change.budget_seconds:g} s"
    kept = "kept" if tried.keeps else "broken"
    return change.words, f"{tried.hours:.2f}", f"{tried.late_percent:.2f}", promise, kept
