"""When something happened, from a cell: a date and time, or a number of seconds, ms, µs or ns."""

from datetime import UTC, datetime

from poolkeeper.backtest.readers.columns import SECONDS
from poolkeeper.backtest.readers.lines import number
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import TraceError

MAGNITUDES = ((1e17, "ns"), (1e14, "µs"), (1e11, "ms"))
"""From this number on it counts these units: the year 2026 is 1.8e18 ns, 1.8e15 µs, 1.8e12 ms and 1.8e9 s."""
LARGEST = 1e20
"""A number above this is no instant: 1e20 ns since 1970 is the year 5138."""
UNIX_SECONDS = 1e8
"""From this number on, seconds are taken to count from 1970: 1e8 s is March 1973."""
EXAMPLE = "2026-11-30T19:35:08Z"


class Clock:
    """Reads a column of instants. Its first cell shows what all are: dates, or numbers of one unit."""

    def __init__(self, source: Source, column: str, unit: str | None = None) -> None:
        """`unit` is what the name of the column says; without it, or where it says s, the magnitude does.

        A column that is named for seconds may hold milliseconds: 1.8e12 s would be the year 58,000.
        """
        self._source, self._column = source, column
        self._fixed = None if unit in (None, "s") else unit
        self._first_line = 0
        self.unit = ""
        """What the cells hold, in words; empty before the first cell."""
        self.factor = 1.0
        """The seconds of one unit; 0 where the cells are dates."""

    def seconds(self, line: int, text: str) -> float:
        """Seconds since 1970, or since where the numbers of the file begin; raises TraceError."""
        if not self._first_line:
            self._recognise(line, text)
        if not self.factor:
            return date(self._source, line, self._column, text).timestamp()
        value = number(self._source, line, self._column, text)
        if self._fixed is None:
            self._check(line, value)
        return value * self.factor

    def _recognise(self, line: int, text: str) -> None:
        self._first_line = line
        try:
            value = float(text)
        except ValueError:
            date(self._source, line, self._column, text)
            self.unit = "dates" if _parsed(text).tzinfo else "dates without an offset, taken as UTC"
            self.factor = 0.0
        else:
            self.unit, self.factor = (self._fixed, SECONDS[self._fixed]) if self._fixed else _magnitude(value)

    def _check(self, line: int, value: float) -> None:
        unit, factor = _magnitude(value)
        if factor != self.factor and value >= UNIX_SECONDS:
            raise TraceError(
                self._source,
                f"{self._column} {value:.15g} counts {unit}, but the one in line {self._first_line} counts "
                f"{self.unit}; write all of them in one unit",
                line,
            )


def _magnitude(value: float) -> tuple[str, float]:
    for least, unit in MAGNITUDES:
        if least <= value < LARGEST:
            return f"{unit} since 1970", SECONDS[unit]
    return "s since 1970" if UNIX_SECONDS <= value < LARGEST else "s", 1.0


def date(source: Source, line: int, column: str, text: str) -> datetime:
    """A date and time in ISO 8601, in UTC where it has no offset; raises TraceError."""
    try:
        stamp = _parsed(text)
    except ValueError as error:
        message = f"{column} must be a date and time such as {EXAMPLE}, or a number; got {text[:60]!r}"
        raise TraceError(source, message, line) from error
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().replace(" UTC", "Z"))
