"""The plain format: a CSV with the header `arrival_seconds[,service_seconds][,pool]`."""

from pathlib import Path

from poolkeeper.backtest.readers.lines import number, records
from poolkeeper.backtest.traces.trace import Trace, TraceBuilder


def read_arrivals(path: Path, default_service: float) -> Trace:
    """One request per line; an absent or empty service time is `default_service`."""
    builder = TraceBuilder(path)
    for line, (arrival, service, pool) in records(path, ["arrival_seconds"], ["service_seconds", "pool"]):
        seconds = number(path, line, "service_seconds", service) if service.strip() else default_service
        builder.add(number(path, line, "arrival_seconds", arrival), seconds, pool.strip(), line=line)
    return builder.build(path.name)
