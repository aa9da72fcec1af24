"""Measures Poolkeeper beside its peers and writes the tables of docs/policy-results.md.

    make backtest                                        all tables and both frontiers, on the bundled slices
    python -m hack.bench policy.table --only TEXT        prints the tables with this text in their title
    python -m hack.bench policy.table --frontiers        draws the frontiers into docs/images, nothing else
    python -m hack.bench policy.table FILE [FILE …]      prints the tables of full traces

Only the reported half of a trace is measured: every second pool, or the second half of the time.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from hack.bench.policy.measures.slices import (
    AGENT_SESSIONS,
    AZURE_CODE,
    AZURE_FUNCTIONS,
    SERVEGEN,
    bundled,
    reported_half,
)
from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.readers.formats import Reading, read_trace
from poolkeeper.backtest.reporting.report.frontier import frontier
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import parse_start_times
from poolkeeper.backtest.traces.trace import Trace
from poolkeeper.plots.palette import alone

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy-results.md"
BEGIN, END = "<!-- measured by make backtest: begin -->", "<!-- measured by make backtest: end -->"
IMAGES = PAGE.parent / "images"
PEERS = (
    "keda", "keda-http", "knative", "hpa", "kubeai", "wva", "keepalive", "fixed:idle=0", "fixed:idle=300",
    "ski-rental", "hybrid-histogram", "always-on",
)  # fmt: skip
FORESIGHT = ("hindsight", "optimum")
TIMEOUTS = (0, 15, 30, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600)
OBJECTIVES = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.99)


@dataclass(frozen=True)
class Case:
    """One table: a promise, a start-time model, and bounds."""

    title: str
    start_time: str
    setting: Setting


UNHURRIED = [
    Case("budget 120 s, start 90 s", "constant:90", Setting(budget_seconds=120)),
    Case("budget 240 s, start log-normal 90 s (σ 0.4)", "lognormal:90,0.4", Setting(budget_seconds=240)),
    Case("budget 240 s, start 40 s or 150 s (30 %)", "two-mode:40,150,0.3", Setting(budget_seconds=240)),
]
HURRIED = [Case("budget 20 s, start 90 s", "constant:90", Setting(budget_seconds=20, objective_percent=99))]
LOADED = [
    Case(
        f"budget {budget} s, start {start} s, up to 16 replicas of 4 requests",
        f"constant:{start}",
        Setting(budget_seconds=budget, concurrency=4, max_replicas=16),
    )
    for start, budget in ((30, 60), (90, 120), (240, 300))
]


def measure(trace: Trace, case: Case, policies: Sequence[str], setting: Setting | None = None) -> list[Row]:
    """One row per policy."""
    chosen = tuple(parse_policy(text) for text in policies)
    start_times = parse_start_times(case.start_time)
    return list(compare(Comparison((trace,), chosen, setting or case.setting, start_times, {})).rows)


def unhurried(trace: Trace, case: Case) -> Iterator[str]:
    """Poolkeeper with starts at the deadline and at once, all peers, and what foresight could do."""
    at_once = replace(case.setting, start=StartMode.IMMEDIATELY)
    rows = measure(trace, case, ["poolkeeper", *PEERS, *FORESIGHT])
    rows.insert(
        1, replace(measure(trace, case, ["poolkeeper"], at_once)[0], policy="poolkeeper, Immediately")
    )
    yield from table(rows)


def loaded(trace: Trace, case: Case) -> Iterator[str]:
    """Many replicas: Poolkeeper and the peers that add replicas by demand."""
    rows = measure(trace, case, ["poolkeeper", "keda", "knative", "hpa", "kubeai", "optimum"])
    yield from table(rows)


def hurried(trace: Trace, case: Case) -> Iterator[str]:
    """Starts that outlast the budget: Poolkeeper and timeouts that were tuned in hindsight."""
    frontier = measure(trace, case, [f"fixed:idle={timeout}" for timeout in TIMEOUTS])
    yield "| objective | hours | avoidably late | fixed timeout tuned in hindsight to as many late | less |"
    yield "|---|---:|---:|---:|---:|"
    for objective in OBJECTIVES:
        row = measure(trace, case, ["poolkeeper"], replace(case.setting, objective_percent=objective))[0]
        fixed = as_few_late(frontier, row.late_percent)
        saved = "" if fixed is None else f"{100 * (1 - row.accelerator_hours / fixed):+.1f} %"
        shown = "out of its reach" if fixed is None else f"{fixed:.2f}"
        yield (
            f"| {objective:g} % | {row.accelerator_hours:.2f} | {row.avoidable_late_percent:.2f} % "
            f"| {shown} | {saved} |"
        )
    yield ""


def as_few_late(frontier: Sequence[Row], late_percent: float) -> float | None:
    """Hours of the cheapest mix of two fixed timeouts with this percentage of late requests, or None."""
    return cheapest_mix([(row.late_percent, row.accelerator_hours) for row in frontier], late_percent)


def cheapest_mix(points: Sequence[tuple[float, float]], late_percent: float) -> float | None:
    """The least hours for a percentage of late requests that one of the points (late in percent, hours)
    reaches, or two of them used in turn; None where every point has more.

    Half of the time at (2 %, 60 h) and half at (4 %, 50 h) make 3 % for 55 h.
    """
    candidates = [hours for late, hours in points if late <= late_percent]
    for late, hours in points:
        for more_late, fewer_hours in points:
            if late <= late_percent < more_late:
                share = (late_percent - late) / (more_late - late)
                candidates.append(hours + share * (fewer_hours - hours))
    return min(candidates, default=None)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """A markdown table."""
    first = rows[0]
    kind = "optimum" if first.optimum_kind == "exact" else "lower bound of the optimum"
    requests = f"{first.requests} requests, {first.pools} pools"
    yield f"{requests}; {kind} {first.optimum_hours:.2f} accelerator-hours.\n"
    yield "| policy | hours | × optimum | avoidably late | wait p50 | wait p99 | starts | most replicas |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        name = f"**{row.policy}**" if row.policy.startswith("poolkeeper") else row.policy
        yield (
            f"| {name} | {row.accelerator_hours:.2f} | {row.ratio_to_optimum or 0:.2f} "
            f"| {row.avoidable_late_percent:.2f} % | {seconds(row.wait_p50_seconds)} "
            f"| {seconds(row.wait_p99_seconds)} | {row.cold_starts if row.cold_starts is not None else ''} "
            f"| {row.max_replicas or ''} |"
        )
    yield ""


def seconds(value: float | None) -> str:
    """A wait; an unknown one is left empty."""
    return "" if value is None else f"{value:.1f} s"


Part = tuple[str, Sequence[Case], Callable[[Trace, Case], Iterator[str]]]
"""A heading of the page, its cases, and what measures one of them on one trace."""
SPARSE: tuple[Part, ...] = (
    ("Budget above the start time, one replica per pool", UNHURRIED, unhurried),
    ("Budget below the start time", HURRIED, hurried),
)
DENSE: tuple[Part, ...] = (("Under load", LOADED, loaded),)


def tables(parts: Sequence[Part], traces: Sequence[Trace], only: str) -> Iterator[str]:
    """The tables with this text in their titles, each with the command that prints it."""
    for heading, cases, measured in parts:
        titles = {f"{trace.name}: {case.title}": (trace, case) for case in cases for trace in traces}
        wanted = {title: subject for title, subject in titles.items() if only in title}
        if wanted:
            yield f"## {heading}\n"
        for title, subject in wanted.items():
            yield f"### {title}\n"
            yield f"`python -m hack.bench policy.table --only '{title}'`\n"
            yield from measured(*subject)


def draw_frontiers(trace: Trace) -> None:
    """Poolkeeper at every objective, and its peers: with starts that fit the budget, and that outlast it."""
    IMAGES.mkdir(exist_ok=True)
    peers = ("keda", "knative", "hpa", "ski-rental", *(f"fixed:idle={seconds}" for seconds in TIMEOUTS[:11]))
    for name, case in (("frontier-within-budget", UNHURRIED[1]), ("frontier-beyond-budget", HURRIED[0])):
        rows = measure(trace, case, peers)
        for objective in OBJECTIVES:
            promised = replace(case.setting, objective_percent=objective)
            rows += [
                replace(row, policy=f"poolkeeper:{objective:g} %")
                for row in measure(trace, case, ["poolkeeper"], promised)
            ]
        (IMAGES / f"{name}.svg").write_text(alone(frontier(rows, None, name)))


def insert(page: str, measured: str) -> str:
    """The page with everything between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{measured}\n{END}{rest.partition(END)[2]}"


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and writes; returns the exit status."""
    parser.add_argument("traces", nargs="*", type=Path, help="full traces; without any, the bundled slices")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="print the tables with TEXT in their title"
    )
    parser.add_argument(
        "--frontiers", action="store_true", help="draw the frontiers and measure nothing else"
    )
    options = parser.parse_args(arguments)
    if options.traces:
        sparse = dense = [reported_half(read_trace(path, None, Reading())) for path in options.traces]
    else:
        sparse = [reported_half(bundled(name)) for name in (AGENT_SESSIONS, AZURE_FUNCTIONS, SERVEGEN)]
        dense = [reported_half(bundled(AZURE_CODE))]
    if options.frontiers:
        draw_frontiers(sparse[0])
        return 0
    lines = []
    for line in chain(tables(SPARSE, sparse, options.only), tables(DENSE, dense, options.only)):
        lines.append(line)
        print(line, flush=True)
    if not options.only and not options.traces:
        PAGE.write_text(insert(PAGE.read_text(), "\n".join(lines)))
        draw_frontiers(sparse[0])
    return 0
