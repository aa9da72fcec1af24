"""The reader for a trace file, by --format or by the first line of the file."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from poolkeeper.backtest.readers.agents import read_agents
from poolkeeper.backtest.readers.arrivals import read_arrivals
from poolkeeper.backtest.readers.azure_functions import read_azure_functions
from poolkeeper.backtest.readers.columns import arrival_in
from poolkeeper.backtest.readers.lines import header_of
from poolkeeper.backtest.readers.llm import read_azure_llm, read_mooncake
from poolkeeper.backtest.readers.prometheus import has_series, read_prometheus
from poolkeeper.backtest.readers.servegen import read_servegen
from poolkeeper.backtest.readers.source import Source, Watch
from poolkeeper.backtest.traces.trace import Trace, TraceError


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader may need besides the file."""

    seed: int = 0
    default_service_seconds: float = 0.0
    """Of requests for which a file has no service time."""
    watch: Watch | None = None
    """Shows how far a file was read."""


READERS: Mapping[str, Callable[[Source, Reading], Trace]] = {
    "arrivals": lambda source, options: read_arrivals(source, options.default_service_seconds),
    "azure-llm": lambda source, options: read_azure_llm(source),
    "azure-functions": lambda source, options: read_azure_functions(source, options.seed),
    "servegen": lambda source, options: read_servegen(source, options.seed),
    "agents": lambda source, options: read_agents(source, options.seed),
    "mooncake": lambda source, options: read_mooncake(source, options.seed),
    "prometheus": lambda source, options: read_prometheus(
        source, options.seed, options.default_service_seconds
    ),
}

COLUMNS: Mapping[str, Set[str]] = {
    "arrivals": {"arrival_seconds"},
    "azure-llm": {"ContextTokens"},
    "servegen": {"rate_per_s"},
    "agents": {"api_time_s"},
    "mooncake": {"timestamp_ms", "input_length"},
}
"""Columns of a CSV that only one format has."""
WORDS: Mapping[str, str] = {"containers_per_min": "azure-functions", "input_length": "mooncake"}
"""Words in the first line of JSON that only one format has; any other is Prometheus'."""


def read_trace(path: Path, format_name: str | None, options: Reading) -> Trace:
    """The trace in a file, `-` for standard input; raises TraceError where it can't be read or recognised."""
    source = Source(path, options.watch)
    return READERS[format_name or format_of(source)](source, options)


def format_of(source: Source) -> str:
    """The format that the first line shows; raises TraceError where it shows none."""
    line = source.first_line()
    if line.startswith(("{", "[")):
        return next((name for word, name in WORDS.items() if word in line), "prometheus")
    header = header_of(line)
    if name := next((name for name, columns in COLUMNS.items() if columns <= set(header)), None):
        return name
    if "NumInvocations" in header:
        raise TraceError(
            source,
            "holds the invocations of a whole day, not when they came: there is nothing to replay; take the "
            "file that has the containers of each minute (JSON lines with containers_per_min)",
            1,
        )
    if has_series(header):
        return "prometheus"
    if arrival_in(header):
        return "arrivals"
    raise TraceError(
        source,
        f"the first line {line[:80]!r} is of no known format; a trace is a CSV whose first line names its "
        "columns, such as timestamp,duration_ms,model, or an answer of Prometheus in JSON; "
        f"or name one of --format {', '.join(READERS)}",
        1,
    )


def distinct_names(texts: Sequence[str]) -> list[str]:
    """A name for the table of each path: the file's, with as many of its folders as make it unique.

    `a/monday.csv` and `b/monday.csv` keep their folder; a path that is given twice has the same name twice.
    """
    parts = [Path(text).absolute().parts for text in texts]
    return [_shortest(own, [other for other in parts if other != own]) for own in parts]


def _shortest(own: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    clashing = [other for other in others if other[-1] == own[-1]]
    length = 1
    while length < len(own) and any(other[-length:] == own[-length:] for other in clashing):
        length += 1
    return "/".join(own[-length:]).replace("//", "/")
