"""Compares Poolkeeper's policy with its bars (aims) and prints, for each, the result and whether it is kept.

    python -m hack.bench policy.bars [--bar NAME …] [FILE …]     without a FILE, on the bundled slices

Only the reported half of a trace is measured: every second pool, or the second half of the time. Shares of
late requests leave out those that are late in an always-on pool too. The exit status is 1 if a bar was
missed. docs/policy-results.md lists the bars.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from hack.bench.policy.measures.cost import cost, modes
from hack.bench.policy.measures.families import FAMILIES
from hack.bench.policy.measures.finding import HURRIED, STARTS, Bar, Finding
from hack.bench.policy.measures.hurried import all_traces, hurried
from hack.bench.policy.measures.loaded import loaded
from hack.bench.policy.measures.objective import at_objectives, objective
from hack.bench.policy.measures.overshoot import overshoot
from hack.bench.policy.measures.promise import promise
from hack.bench.policy.measures.robust import robust
from hack.bench.policy.measures.runs import Case, OutOfTime, Runs, Total
from hack.bench.policy.measures.slices import (
    AGENT_SESSIONS,
    AZURE_CODE,
    AZURE_FUNCTIONS,
    MOST_REQUESTS,
    SERVEGEN,
    bundled,
    calm,
    reported_half,
)
from hack.bench.policy.table import cheapest_mix
from poolkeeper.backtest.readers.formats import Reading, read_trace
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.traces.trace import Trace

PEERS = (
    *("keda", "keda-http", "knative", "hpa", "kubeai", "wva", "keepalive", "always-on"),
    *("fixed:idle=0", "fixed:idle=300", "ski-rental", "hybrid-histogram"),
)
MINUTES = 60


def frontier(runs: Runs) -> Iterator[Finding]:
    """With as few late requests as a peer, Poolkeeper is as cheap at an objective, or between two of them."""
    promises = {**STARTS, "constant 90 s, beyond the budget": HURRIED}
    beside = {
        name: [Case(Setting(budget_seconds=budget), start_times, peer) for peer in PEERS]
        for name, (start_times, budget) in promises.items()
    }
    runs.ask(case for name, each in promises.items() for case in (*at_objectives(each), *beside[name]))
    for name, each in promises.items():
        points = [runs.total(case) for case in at_objectives(each)]
        for case in beside[name]:
            yield _beside(f"{name}: {case.policy}", points, runs.total(case))


def _beside(subject: str, points: Sequence[Total], peer: Total) -> Finding:
    """A peer compared with the line through Poolkeeper's points: a mix of two objectives is on that line."""
    theirs = f"{peer.hours:.2f} h with {peer.late} late"
    line = [(point.late_percent, point.hours) for point in points]
    hours = cheapest_mix(line, peer.late_percent)
    if hours is None:
        fewest = min(points, key=lambda point: (point.late, point.hours))
        measured = f"none has as few: {fewest.hours:.2f} h with {fewest.late} late beside {theirs}"
        return Finding(subject, measured, False)
    measured = f"{hours:.2f} h with as few late beside {theirs}"
    return Finding(subject, measured, hours <= peer.hours)


BARS: dict[str, Bar] = {
    "promise": promise, "cost": cost, "modes": modes, "objective": objective, "frontier": frontier,
    "hurried": hurried, "robust": robust, "loaded": loaded, "overshoot": overshoot,
}  # fmt: skip
SEEDS = 5
"""Of each generated family, which only the promise is measured on."""
UNDER_LOAD = ("loaded", "overshoot")


def subjects(arguments: argparse.Namespace) -> Iterator[tuple[Trace, list[str]]]:
    """The traces, each with the bars to measure on it."""
    bars = [name for name in BARS if not arguments.bar or name in arguments.bar]
    for path in arguments.traces:
        yield calm(reported_half(read_trace(path, None, Reading())), arguments.most_requests), bars
    if arguments.traces:
        return
    sparse = [name for name in bars if name not in UNDER_LOAD]
    for name in (AGENT_SESSIONS, AZURE_FUNCTIONS, SERVEGEN):
        yield calm(reported_half(bundled(name)), arguments.most_requests or MOST_REQUESTS), sparse
    yield reported_half(bundled(AZURE_CODE)), [name for name in bars if name in UNDER_LOAD]
    for name, family in FAMILIES.items():
        yield family.trace(name, SEEDS), [bar for bar in bars if bar == "promise"]


def measured(
    traces: Iterator[tuple[Trace, list[str]]], processes: int, until: float
) -> Iterator[tuple[str, Finding]]:
    """Every finding under the name of its trace and bar; a bar without time left is open."""
    for trace, bars in traces:
        if not (trace.pools and bars):
            continue
        for note in trace.notes:
            print(f"       {trace.name}  {note}")
        with Runs(trace, processes, until) as runs:
            for bar in bars:
                name = f"{trace.name}  {bar}"
                try:
                    yield from ((name, found) for found in BARS[bar](runs))
                except OutOfTime:
                    yield name, Finding("the rest", "there was no time for it", None)


def with_means(findings: Iterator[tuple[str, Finding]]) -> Iterator[tuple[str, Finding]]:
    """The findings, and at the end the mean over all traces of those that have a figure."""
    figures = []
    for name, found in findings:
        yield name, found
        figures += [] if found.figure is None else [found.figure]
    if figures:
        yield "hurried", all_traces(figures)


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--bar", action="append", choices=list(BARS), default=[],
                        help="a bar to measure; repeatable (default all)")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="N",
                        help=f"stop after N minutes, and say what is left (default {MINUTES})")  # fmt: skip
    parser.add_argument("--most-requests", type=int, metavar="N",
                        help="leave out pools with more requests "
                        f"(default {MOST_REQUESTS} on the bundled slices)")  # fmt: skip
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("traces", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    until = time.monotonic() + 60 * options.minutes
    counts: dict[str, Counter[bool | None]] = {}
    for name, found in with_means(measured(subjects(options), options.processes, until)):
        counts.setdefault(name.split()[-1], Counter())[found.is_kept] += 1
        print(f"{found.mark} {name}  {found.subject}: {found.measured}", flush=True)
    for bar, each in counts.items():
        print(f"{bar}: {each[True]} kept, {each[False]} missed, {each[None]} open")
    return 1 if any(each[False] for each in counts.values()) else 0
