"""A log of requests: a CSV with a column of arrivals, and optionally one of service times and one of pools.

The plain form has the header `arrival_seconds[,service_seconds][,pool]`. Other names that people use are
understood too (`timestamp`, `latency_ms`, `model`, …): a note says how they were.
"""

from poolkeeper.backtest.readers.columns import SECONDS, Column, arrival_in, duration_in, pool_in
from poolkeeper.backtest.readers.instants import Clock
from poolkeeper.backtest.readers.lines import Table, number, table
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import Trace, TraceBuilder, TraceError

PLAIN = {"arrival_seconds", "service_seconds", "pool"}


def read_arrivals(source: Source, default_service: float) -> Trace:
    """One request per line; an absent or empty service time is `default_service`."""
    builder = TraceBuilder(source)
    with table(source) as found:
        columns = _columns(source, found)
        arrivals, durations, _ = columns
        clock = Clock(source, arrivals.name, arrivals.unit)
        places = [None if column is None else column.place for column in columns]
        factor = SECONDS[(durations and durations.unit) or "s"]
        for line, (arrival, duration, pool) in found.cells(places):
            service = default_service
            if durations and duration.strip():
                service = factor * number(source, line, durations.name, duration)
            builder.add(clock.seconds(line, arrival), service, pool.strip(), line=line)
    return builder.build(source.name, _notes(columns, clock, default_service))


Columns = tuple[Column, Column | None, Column | None]
"""Arrivals, service times, pools."""


def _columns(source: Source, found: Table) -> Columns:
    arrivals = arrival_in(found.header)
    if arrivals is None:
        message = "has no column with arrivals; name it arrival_seconds or timestamp. Its header is"
        raise TraceError(source, f"{message} {','.join(found.header)[:200]!r}", 1)
    return arrivals, duration_in(found.header), pool_in(found.header)


def _notes(columns: Columns, clock: Clock, default_service: float) -> tuple[str, ...]:
    """How the columns were understood; nothing where the file has the plain form, in seconds."""
    arrivals, durations, pools = columns
    if {column.name for column in columns if column} <= PLAIN and clock.factor == 1.0:
        return ()
    said = [f"arrivals are the column {arrivals.name!r} ({clock.unit})"]
    if durations:
        unit = durations.unit or "s, since its name ends with no unit such as _ms"
        said.append(f"service times are the column {durations.name!r} ({unit})")
    else:
        said.append(
            f"no column has service times: each request takes {default_service:g} s (--service-seconds)"
        )
    said.append(f"pools are the column {pools.name!r}" if pools else "all requests are for one pool")
    return ("; ".join(said),)
