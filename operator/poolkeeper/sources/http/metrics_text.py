"""Adds up the wanted lines of a metrics text while it arrives, within bounds of time and memory.

The text is Prometheus' exposition format. prometheus_client's parser copies the rest of a line at every
label, so that one line with 700,000 labels takes it minutes. Here each line is read once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from poolkeeper.sources.base import SourceFailure

MAX_BYTES = 8 * 1024 * 1024
MAX_LINES = 200_000
MAX_LINE_BYTES = 64 * 1024
MAX_WANTED_BYTES = 1024 * 1024
"""All wanted lines together, for example 5,000 of 200 bytes."""

_MAX_NUMBER_LETTERS = 64
# Possessive quantifiers: what a part has matched is never tried again, so that a match takes linear time.
_HEAD = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*+)[ \t]*+(\{)?")
_LABEL = re.compile(
    r'[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\]++|\\.)*+)"[ \t]*+(?:,|(?=\}))', re.DOTALL
)
_LABELS_END = re.compile(r"[ \t]*+\}")
_ESCAPE = re.compile(r'\\([\\n"])')


@dataclass(frozen=True, slots=True)
class Series:
    """A metric, narrowed by labels where one name carries several meanings; all that match are added up."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class MetricsText:
    """The sums of the wanted series; NaN where a line is no number of something."""

    wanted: Iterable[Series]
    totals: dict[Series, float] = field(default_factory=dict)
    """Only series that are in the text."""
    _by_name: dict[str, list[Series]] = field(default_factory=dict)
    _starts: tuple[bytes, ...] = ()
    _tail: bytes = b""
    _bytes: int = 0
    _lines: int = 0
    _wanted_bytes: int = 0

    def __post_init__(self) -> None:
        for series in self.wanted:
            self._by_name.setdefault(series.name, []).append(series)
        self._starts = tuple(name.encode() for name in self._by_name)

    def feed(self, chunk: bytes) -> None:
        """Take in what has arrived; a line counts once its end has arrived.

        Raises SourceFailure for a text that is too large or can't be parsed.
        """
        lines = (self._tail + chunk).split(b"\n")
        self._tail = lines.pop()
        self._bytes += len(chunk)
        self._lines += len(lines)
        if len(self._tail) > MAX_LINE_BYTES or self._bytes > MAX_BYTES or self._lines > MAX_LINES:
            raise _too_large()
        for line in lines:
            if line.startswith(self._starts):
                self._take(line)

    def _take(self, line: bytes) -> None:
        self._wanted_bytes += len(line)
        if self._wanted_bytes > MAX_WANTED_BYTES or len(line) > MAX_LINE_BYTES:
            raise _too_large()
        text = line.decode("utf-8", "replace")
        head = _HEAD.match(text)
        if head is None or head[1] not in self._by_name:
            return
        try:
            labels, end = _labels(text, head.end()) if head[2] else ({}, head.end())
            value = _value(text[end:])
        except ValueError as error:
            raise SourceFailure("MetricsInvalid", "the metrics can't be parsed as Prometheus text") from error
        for series in self._by_name[head[1]]:
            if all(labels.get(key) == wanted for key, wanted in series.labels):
                self.totals[series] = self.totals.get(series, 0.0) + value


def _labels(text: str, at: int) -> tuple[dict[str, str], int]:
    """The labels that begin there, and where they end."""
    labels: dict[str, str] = {}
    while (end := _LABELS_END.match(text, at)) is None:
        label = _LABEL.match(text, at)
        if label is None or label[1] in labels:
            raise ValueError("no label")
        labels[label[1]] = _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], label[2])
        at = label.end()
    return labels, end.end()


def _value(text: str) -> float:
    """The number at the start; NaN for one that counts nothing. A time and an exemplar may follow."""
    fields = text.split(maxsplit=2)
    if not fields or len(fields[0]) > _MAX_NUMBER_LETTERS or "_" in fields[0]:
        raise ValueError("no number")
    value = float(fields[0])
    return value if value >= 0 else float("nan")


def _too_large() -> SourceFailure:
    return SourceFailure(
        "MetricsUnreadable",
        f"the metrics are larger than {MAX_BYTES >> 20} MiB, {MAX_LINES} lines, "
        f"{MAX_LINE_BYTES >> 10} KiB in one line or {MAX_WANTED_BYTES >> 20} MiB in the lines of the "
        "load; let the server publish fewer series",
    )
