"""Opens trace files, plain or compressed, and reads one line at a time, so that size does not matter."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from poolkeeper.backtest.traces.trace import TraceError


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The text of a file; raises TraceError if the file can't be opened, or can't be read to its end."""
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
        ) as text:
            yield text
    except UnicodeDecodeError as error:
        raise TraceError(path, "is not text in UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TraceError(path, f"can't be read: {reason}") from error


def first_line(path: Path) -> str:
    """The beginning of the first line that is not empty; raises TraceError where there is none."""
    with opened(path) as text:
        while line := text.readline(65_536):
            if line.strip():
                return line.strip().lstrip("\ufeff")
    raise TraceError(path, "is empty")


def records(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and the values of `columns` + `optional` ('' where a column is absent), row by row."""
    with opened(path) as text:
        rows = csv.reader(text)
        header = [name.strip().lstrip("\ufeff") for name in _next_row(path, rows)]
        missing = [name for name in columns if name not in header]
        if missing:
            raise TraceError(
                path, f"has no column {missing[0]!r}; its header is {','.join(header)[:200]!r}", rows.line_num
            )
        places = [header.index(name) if name in header else None for name in (*columns, *optional)]
        width = 1 + max(place for place in places if place is not None)
        for row in _rows(path, rows):
            if len(row) < width:
                raise TraceError(
                    path, f"has {len(row)} columns where the header has {len(header)}", rows.line_num
                )
            yield rows.line_num, ["" if place is None else row[place] for place in places]


def _next_row(path: Path, rows: "Iterator[list[str]]") -> list[str]:
    for row in _rows(path, rows):
        return row
    raise TraceError(path, "is empty")


def _rows(path: Path, rows: "Iterator[list[str]]") -> Iterator[list[str]]:
    try:
        for row in rows:
            if row:
                yield row
    except csv.Error as error:
        raise TraceError(path, f"is not CSV: {error}", getattr(rows, "line_num", None)) from error


def json_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and the text of each line that is not empty."""
    with opened(path) as text:
        yield from ((line, content) for line, content in enumerate(text, start=1) if content.strip())


def number(path: Path, line: int, column: str, text: str) -> float:
    """A number from a cell; raises TraceError that names the column."""
    try:
        return float(text)
    except ValueError as error:
        raise TraceError(path, f"{column} must be a number, got {text[:60]!r}", line) from error
