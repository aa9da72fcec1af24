"""The trace slices in the package, and the half of a trace that results are measured on."""

from array import array
from dataclasses import replace
from importlib.resources import as_file, files

from poolkeeper.backtest.readers.formats import Reading, read_trace
from poolkeeper.backtest.traces.trace import PoolTrace, Trace

AGENT_SESSIONS = "agent-sessions.csv.gz"
AZURE_FUNCTIONS = "azure-functions-2019.jsonl.gz"
AZURE_CODE = "azure-llm-2023-code.csv.gz"
SERVEGEN = "servegen-deepseek-r1.csv.gz"
MOST_REQUESTS = 1400
"""Pools of the bundled slices with more requests are left out, 15 of 50 Azure applications: their replays
take most of the time, and pools that are called once a minute or more often hardly ever stop.
"""


def bundled(name: str, seed: int = 0) -> Trace:
    """One of the slices (see slices/LICENCES.md)."""
    with as_file(files("poolkeeper.backtest").joinpath("slices", name)) as path:
        return read_trace(path, None, Reading(seed))


def reported_half(trace: Trace) -> Trace:
    """Every second pool, or the second half of the time where there is only one pool.

    Results are measured on this half only. The policy's constants were chosen on the other one.
    """
    if len(trace.pools) > 1:
        return Trace(trace.name, trace.pools[1::2])
    pool = trace.pools[0]
    middle = (pool.arrivals[0] + pool.arrivals[-1]) / 2
    kept = [
        (arrival, service)
        for arrival, service in zip(pool.arrivals, pool.services, strict=True)
        if arrival >= middle
    ]
    began = kept[0][0]
    arrivals = array("d", [arrival - began for arrival, _ in kept])
    return Trace(trace.name, (PoolTrace(pool.name, arrivals, array("d", [service for _, service in kept])),))


def calm(trace: Trace, most_requests: int | None) -> Trace:
    """The trace without the pools that have more requests than this."""
    kept = tuple(pool for pool in trace.pools if most_requests is None or len(pool) <= most_requests)
    if len(kept) == len(trace.pools):
        return trace
    note = f"{len(trace.pools) - len(kept)} pools of more than {most_requests} requests are left out"
    return replace(trace, pools=kept, notes=(*trace.notes, note))
