"""The rows of a CSV file and the lines of a JSON one, one at a time, so that size does not matter."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import TraceError

SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its header, and what follows."""

    source: Source
    header: Sequence[str]
    separator: str
    lines: Iterator[tuple[int, list[str]]]

    def cells(self, places: Sequence[int | None]) -> Iterator[tuple[int, list[str]]]:
        """Line numbers and the cells at these places of each row ('' for None); raises TraceError."""
        needed = 1 + max((place for place in places if place is not None), default=0)
        for line, row in self.lines:
            self._check(line, row, needed)
            yield line, ["" if place is None else self._cell(row[place]) for place in places]

    def _check(self, line: int, row: list[str], needed: int) -> None:
        width = len(self.header)
        message = f"has {len(row)} columns where the header has {width}"
        if len(row) < needed:
            raise TraceError(self.source, message, line)
        if any(cell.strip() for cell in row[width:]):
            hint = f"; put names that contain {self.separator!r} in quotes, and write 2.5 for 2,5"
            raise TraceError(self.source, message + hint, line)

    def _cell(self, cell: str) -> str:
        """Where no comma separates cells, 2,5 is how many programs write 2.5."""
        if self.separator == "," or "," not in cell:
            return cell
        whole, _, fraction = cell.strip().partition(",")
        is_number = whole.lstrip("-+").isdigit() and fraction.isdigit()
        return f"{whole}.{fraction}" if is_number else cell


@contextmanager
def table(source: Source) -> Iterator[Table]:
    """A CSV file with `,`, `;` or tabs between its cells; raises TraceError."""
    separator = separator_of(source.first_line())
    with source.opened() as text:
        lines = _lines(source, csv.reader(text, delimiter=separator))
        _, header = next(lines)
        yield Table(source, [name.strip() for name in header], separator, lines)


def separator_of(header: str) -> str:
    """What stands between the names in the first line of a CSV file, outside of quotes."""
    try:
        return csv.Sniffer().sniff(re.sub(r'"[^"]*"', "", header), SEPARATORS).delimiter
    except csv.Error:
        return ","


def header_of(line: str) -> list[str]:
    """The names in the first line of a CSV file."""
    return [name.strip() for name in next(csv.reader([line], delimiter=separator_of(line)))]


def _lines(source: Source, reader: "Iterator[list[str]]") -> Iterator[tuple[int, list[str]]]:
    """Every line that is not empty."""
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield getattr(reader, "line_num", 0), cells
    except csv.Error as error:
        raise TraceError(source, f"is not CSV: {error}", getattr(reader, "line_num", None)) from error


def records(
    source: Source, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and the values of `columns` + `optional` ('' where a column is absent), row by row."""
    with table(source) as found:
        header = list(found.header)
        missing = [name for name in columns if name not in header]
        if missing:
            message = f"has no column {missing[0]!r}; its header is {','.join(header)[:200]!r}"
            raise TraceError(source, message, 1)
        places = [header.index(name) if name in header else None for name in (*columns, *optional)]
        yield from found.cells(places)


def json_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Line numbers and the text of each line that is not empty."""
    with source.opened() as text:
        yield from ((line, content) for line, content in enumerate(text, start=1) if content.strip())


def number(source: Source, line: int, column: str, text: str) -> float:
    """A number from a cell; raises TraceError that names the column."""
    try:
        return float(text)
    except ValueError as error:
        raise TraceError(source, f"{column} must be a number, got {text[:60]!r}", line) from error
