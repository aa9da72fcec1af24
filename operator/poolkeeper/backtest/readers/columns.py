"""Names that people give to the columns of a log of requests, and the units that such a name ends with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "µs", "usec", "micros", "microseconds"), "µs"),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanoseconds"), "ns"),
}
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
"""In one unit."""
ARRIVALS = (
    *("arrival", "arrived_at", "arrived", "arrival_time", "timestamp", "time", "ts", "t", "datetime"),
    *("date_time", "date", "created_at", "created", "received_at", "started_at", "start_time", "start"),
)
DURATIONS = (
    *("service", "service_time", "duration", "latency", "elapsed", "processing_time", "execution_time"),
    *("response_time", "run_time", "runtime", "took"),
)
POOLS = ("pool", "model", "model_name", "model_id", "deployment", "service", "queue", "app", "endpoint")
"""Each list begins with the name that is preferred where a file has several."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file."""

    name: str
    """As it is written."""
    place: int
    """Its number, from 0."""
    stem: str
    """The name in lower case, with `_` between words and without a unit."""
    unit: str | None
    """What the name ends with; None where it says no unit."""


def arrival_in(header: Sequence[str]) -> Column | None:
    """The column that says when a request came."""
    return _first(ARRIVALS, [_column(name, place) for place, name in enumerate(header)])


def duration_in(header: Sequence[str]) -> Column | None:
    """The column that says how long a request took: `service_ms` does, `service` is the name of a pool."""
    columns = [_column(name, place) for place, name in enumerate(header)]
    return _first(DURATIONS, [column for column in columns if column.unit or column.stem != "service"])


def pool_in(header: Sequence[str]) -> Column | None:
    """The column that says which pool a request was for."""
    columns = [_column(name, place) for place, name in enumerate(header)]
    return _first(POOLS, [column for column in columns if not column.unit])


def _first(names: Sequence[str], columns: Sequence[Column]) -> Column | None:
    return next((column for name in names for column in columns if column.stem == name), None)


def _column(name: str, place: int) -> Column:
    """`Latency (ms)` and `latencyMs` are a latency in ms; `model` has no unit."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = re.sub(r"[^a-z0-9µ]+", "_", spaced.lower()).strip("_")
    stem, _, unit = words.rpartition("_")
    return (
        Column(name, place, stem, UNITS[unit]) if stem and unit in UNITS else Column(name, place, words, None)
    )
