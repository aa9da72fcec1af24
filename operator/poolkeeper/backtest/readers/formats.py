"""The reader for a trace file, by --format or by the first line of the file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from poolkeeper.backtest.readers.agents import read_agents
from poolkeeper.backtest.readers.arrivals import read_arrivals
from poolkeeper.backtest.readers.azure_functions import read_azure_functions
from poolkeeper.backtest.readers.lines import first_line
from poolkeeper.backtest.readers.llm import read_azure_llm, read_mooncake
from poolkeeper.backtest.readers.prometheus import read_prometheus
from poolkeeper.backtest.readers.servegen import read_servegen
from poolkeeper.backtest.traces.trace import Trace, TraceError


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader may need besides the file: the seed, and the service time where a file has none."""

    seed: int = 0
    default_service_seconds: float = 0.0


READERS: Mapping[str, Callable[[Path, Reading], Trace]] = {
    "arrivals": lambda path, options: read_arrivals(path, options.default_service_seconds),
    "azure-llm": lambda path, options: read_azure_llm(path),
    "azure-functions": lambda path, options: read_azure_functions(path, options.seed),
    "servegen": lambda path, options: read_servegen(path, options.seed),
    "agents": lambda path, options: read_agents(path, options.seed),
    "mooncake": lambda path, options: read_mooncake(path, options.seed),
    "prometheus": lambda path, options: read_prometheus(path, options.seed, options.default_service_seconds),
}

SIGNS: Mapping[str, str] = {
    "arrival_seconds": "arrivals",
    "ContextTokens": "azure-llm",
    "containers_per_min": "azure-functions",
    "rate_per_s": "servegen",
    "api_time_s": "agents",
    "input_length": "mooncake",
    '"result"': "prometheus",
    '"status"': "prometheus",
}
"""Words in the first line that only one format has."""


def read_trace(path: Path, format_name: str | None, options: Reading) -> Trace:
    """The trace in a file; raises TraceError for a file that can't be read or recognised."""
    return READERS[format_name or format_of(path)](path, options)


def format_of(path: Path) -> str:
    """The format that the first line shows; raises TraceError where it shows none."""
    line = first_line(path)
    for word, name in SIGNS.items():
        if word in line:
            return name
    if "NumInvocations" in line:
        raise TraceError(
            path,
            "holds the invocations of a whole day, not when they came: there is nothing to replay; take the "
            "file that has the containers of each minute (JSON lines with containers_per_min)",
            1,
        )
    if path.name.removesuffix(".gz").endswith(".json"):
        return "prometheus"
    raise TraceError(
        path,
        f"the first line {line[:80]!r} is of no known format; "
        f"a trace is a CSV that begins with arrival_seconds, or name one of --format {', '.join(READERS)}",
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
