"""Where the results of `poolkeeper backtest` go: the terminal, JSON, an HTML page."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from poolkeeper.backtest.comparison import Comparison, Results
from poolkeeper.backtest.reporting.json_rows import as_json
from poolkeeper.backtest.reporting.pools import deciding_pools
from poolkeeper.backtest.reporting.report.repeat import command_line
from poolkeeper.backtest.reporting.unattainable import of_rows
from poolkeeper.backtest.suggest.search import Suggestion


class InputError(Exception):
    """Flags that can't be combined, or a file that can't be written; the text says what to do."""


def deliver(
    comparison: Comparison, results: Results, arguments: argparse.Namespace, defaults: Mapping[str, object]
) -> None:
    """The comparison, in the forms that the flags ask for. Raises InputError and BrokenPipeError."""
    if arguments.json == "-":
        print(as_json(comparison, results, arguments.pools))  # noqa: T201
    else:
        from poolkeeper.backtest.reporting.table import print_tables

        pools = deciding_pools(comparison, results, arguments.pools)
        print_tables(results.by_trace(len(comparison.traces)), pools=pools)
        names, width = [policy.name for policy in comparison.policies], len(comparison.policies)
        for first in range(0, len(results.pools), width):
            for line in of_rows(names, results.pools[first : first + width]):
                print(line)  # noqa: T201
    if arguments.json and arguments.json != "-":
        _write(arguments.json, as_json(comparison, results, arguments.pools) + "\n")
    if arguments.html:
        from poolkeeper.backtest.reporting.report.report import report

        _write(arguments.html, report(comparison, results, command_line(arguments, defaults)))


def deliver_suggestions(
    comparison: Comparison,
    found: Sequence[Suggestion],
    arguments: argparse.Namespace,
    defaults: Mapping[str, object],
) -> None:
    """What was tried, in the forms that the flags ask for. Raises InputError and BrokenPipeError."""
    from poolkeeper.backtest.reporting.suggested import print_suggestions, suggestions_as_json

    if arguments.json == "-":
        print(suggestions_as_json(comparison, found))  # noqa: T201
    else:
        print_suggestions(found)
    if arguments.json and arguments.json != "-":
        _write(arguments.json, suggestions_as_json(comparison, found) + "\n")
    if arguments.html:
        from poolkeeper.backtest.reporting.report.suggested import suggestions_page

        _write(arguments.html, suggestions_page(comparison, found, command_line(arguments, defaults)))


def stopped_by_reader() -> int:
    """What reads the output has read enough, as `head` does: the status is that of a tool which SIGPIPE ends.

    Python flushes standard output once more when it exits; that must not fail again.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def check_files(json: str | None, html: str | None) -> None:
    """Raises InputError for files that can't be written, before time is spent on replays; writes nothing."""
    if html == "-":
        raise InputError(
            "--html -: the page can only be written to a file; give it a name such as report.html"
        )
    if json and html and Path(json).absolute() == Path(html).absolute():
        raise InputError(f"--json and --html both name {json}; give each a file of its own")
    for path in (json, html):
        _check_writable(path)


def _check_writable(path: str | None) -> None:
    if path is None or path == "-":
        return
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{path}: can't be written: it is a directory")
    if not file.exists() and not file.absolute().parent.is_dir():
        raise InputError(f"{path}: can't be written: there is no directory {file.parent}")
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise InputError(f"{path}: can't be written: permission denied")


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror}") from error
