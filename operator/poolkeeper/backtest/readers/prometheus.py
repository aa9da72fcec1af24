"""What Prometheus recorded: the answer to a range query as its HTTP API gives it, or such values as CSV.

    curl -G http://prometheus/api/v1/query_range -d start=... -d end=... -d step=60 \
      --data-urlencode 'query=sum by (model) (rate(requests_total[1m]))'

A CSV has a column of instants and either one column per series, as Grafana downloads them, or a column
`value` beside the labels. Every series is a pool; `series` makes requests of its values.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from poolkeeper.backtest.readers.columns import Column, arrival_in, duration_in, pool_in
from poolkeeper.backtest.readers.instants import Clock
from poolkeeper.backtest.readers.lines import Table, header_of, number, table
from poolkeeper.backtest.readers.series import Sample, Series, requests_of
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import Trace, TraceError

VALUE = "value"
ABSENT = {"", "null", "none", "undefined", "-"}
"""What programs write in a cell without a value."""
RANGE_QUERY = "take the answer of /api/v1/query_range with start, end and step"


def read_prometheus(source: Source, seed: int, default_service: float) -> Trace:
    """One pool per series; raises TraceError."""
    instants = arrival_in(header_of(source.first_line()))
    series = _from_csv(source, instants) if instants else _from_json(source)
    if not series:
        raise TraceError(source, "holds no series: the query matched nothing in its time; correct the query")
    return requests_of(source, series, seed, default_service)


def has_series(header: Sequence[str]) -> bool:
    """Whether the columns of a CSV are instants and values, rather than a log of requests.

    Grafana calls its instants Time, and the other columns as their queries or legends.
    """
    if arrival_in(header) is None or len(header) < 2:
        return False
    is_log = duration_in(header) or pool_in(header)
    return VALUE in [name.lower() for name in header] or ("Time" in header and not is_log)


def _from_json(source: Source) -> list[Series]:
    with source.opened() as text:
        try:
            answer: Any = json.load(text)
        except ValueError as error:
            raise TraceError(source, f"is not JSON: {error}", getattr(error, "lineno", None)) from error
    if isinstance(answer, dict) and answer.get("status") == "error":
        said = f"{answer.get('errorType', 'error')}: {answer.get('error', 'without a message')}"
        raise TraceError(source, f"holds an error of Prometheus instead of values: {said}; correct the query")
    try:
        data = answer.get("data", answer)
        if data.get("resultType", "matrix") != "matrix":
            raise TraceError(
                source, f"is the answer to an instant query ({data['resultType']}); {RANGE_QUERY}"
            )
        return [_series(source, each, place) for place, each in enumerate(data["result"])]
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        message = "is not the answer to a Prometheus range query (data.result with metric and values)"
        raise TraceError(source, f"{message}; {RANGE_QUERY}") from error


def _series(source: Source, series: dict[str, Any], place: int) -> Series:
    labels: dict[str, str] = series["metric"]
    if "histograms" in series:
        raise TraceError(source, "holds native histograms; query histogram_count(rate(NAME[1m])) instead")
    shown = ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__")
    name = shown or f"series-{place}"
    samples = [_sample(source, name, float(instant), float(text)) for instant, text in series["values"]]
    return Series(name, samples, metric=labels.get("__name__", ""))


def _sample(source: Source, name: str, instant: float, value: float, line: int | None = None) -> Sample:
    if value < 0 or math.isinf(value):
        message = f"a request rate must be finite and not negative, got {value:g} at {instant:.15g} in {name}"
        raise TraceError(source, message, line)
    return instant, value


def _from_csv(source: Source, instants: Column) -> list[Series]:
    found: dict[str, list[Sample]] = {}
    with table(source) as columns:
        clock = Clock(source, instants.name, instants.unit)
        for line, instant, name, text in _cells(columns, instants):
            if text.strip().lower() not in ABSENT:
                value = number(source, line, "a value", text)
                found.setdefault(name, []).append(
                    _sample(source, name, clock.seconds(line, instant), value, line)
                )
    return [Series(name, samples) for name, samples in found.items()]


def _cells(columns: Table, instants: Column) -> Iterator[tuple[int, str, str, str]]:
    """Line, instant, name of the series, value: several per row where each series has a column."""
    header = columns.header
    value = next((place for place, name in enumerate(header) if name.lower() == VALUE), None)
    others = [place for place in range(len(header)) if place not in (instants.place, value)]
    for line, (instant, reading, *cells) in columns.cells([instants.place, value, *others]):
        if value is None:
            yield from (
                (line, instant, header[place], cell) for place, cell in zip(others, cells, strict=True)
            )
        else:
            labels = zip([header[place] for place in others], cells, strict=True)
            shown = ",".join(f"{label}={cell.strip()}" for label, cell in labels if cell.strip())
            yield line, instant, shown or VALUE, reading
