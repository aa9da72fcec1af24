"""Holds Poolkeeper's policy against its bars and prints, for each, what was measured and whether it is kept.

    python -m hack.bench.policy_bars [--bar NAME …] [FILE …]     without a FILE, on the bundled slices

Only the reported half of a trace is measured: even pools, or the second half of the time. Where a bar speaks
of a share of breaks, those that an always-on pool has too are left out. The exit status says whether all are
kept.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from hack.bench.policy_table import OBJECTIVES, TIMEOUTS, at_equal_breaks
from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.accounting import Row
from poolkeeper.backtest.bundled import (
    AGENT_SESSIONS,
    AZURE_CODE,
    AZURE_FUNCTIONS,
    SERVEGEN,
    bundled,
    reported_half,
)
from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.readers.formats import Reading, read_trace
from poolkeeper.backtest.setting import Disturbance, Setting
from poolkeeper.backtest.start_times import Constant, Lognormal, Shifted, StartTimes, TwoMode
from poolkeeper.backtest.trace import Trace

PEERS = (
    "keda",
    "keda-http",
    "knative",
    "hpa",
    "kubeai",
    "wva",
    "keepalive",
    "ski-rental",
    "hybrid-histogram",
)
MINUTE_AND_A_HALF = Constant(90.0)
CACHED_OR_NOT = TwoMode(Lognormal(40.0, 0.1), Lognormal(150.0, 0.1), slow_share=0.3)
STARTS: dict[str, tuple[StartTimes, float]] = {
    "constant 90 s": (MINUTE_AND_A_HALF, 120.0),
    "log-normal 90 s, σ 0.3": (Lognormal(90.0, 0.3), 180.0),
    "log-normal 90 s, σ 0.5": (Lognormal(90.0, 0.5), 300.0),
    "40 s or 150 s": (CACHED_OR_NOT, 240.0),
}


@dataclass(frozen=True)
class Finding:
    """One bar on one trace."""

    bar: str
    subject: str
    measured: str
    is_kept: bool


def row(trace: Trace, policy: str, setting: Setting, start_times: StartTimes) -> Row:
    """One policy on one trace."""
    return rows(trace, (policy,), setting, start_times)[0]


def rows(trace: Trace, policies: Sequence[str], setting: Setting, start_times: StartTimes) -> Sequence[Row]:
    """Several policies on one trace, in their order."""
    return compare(Comparison((trace,), tuple(map(parse_policy, policies)), setting, start_times, {})).rows


def cost(trace: Trace) -> Iterator[Finding]:
    """Starts within the budget: near the optimum, and well below KEDA where that is possible."""
    for name, (start_times, budget) in STARTS.items():
        setting = Setting(budget_seconds=budget)
        ours, keda = rows(trace, ("poolkeeper", "keda"), setting, start_times)
        at_once = row(trace, "poolkeeper", replace(setting, start=StartMode.IMMEDIATELY), start_times)
        ratio, breaks = ours.ratio_to_optimum or 0.0, ours.avoidable_breaks_percent
        measured = f"{ratio:.3f} × optimum, {breaks:.2f} % avoidable breaks"
        yield Finding("cost", name, measured, ratio <= 1.15 and breaks <= 0.5)
        if ours.optimum_hours > 0.55 * keda.accelerator_hours:
            continue
        less, less_at_once = (1 - each.accelerator_hours / keda.accelerator_hours for each in (ours, at_once))
        yield Finding("cost", f"{name}: beside KEDA", f"{100 * less:.1f} % fewer hours", less >= 0.3)
        more = at_once.breaks - keda.breaks
        measured = f"{100 * less_at_once:.1f} % fewer hours, {more:+d} breaks"
        yield Finding("cost", f"{name}: Immediately beside KEDA", measured, less_at_once >= 0.2 and more <= 0)


def frontier(trace: Trace) -> Iterator[Finding]:
    """Whatever the objective: kept, and no peer is cheaper at as few breaks."""
    for name, (start_times, budget) in STARTS.items():
        setting = Setting(budget_seconds=budget)
        points = []
        for objective in OBJECTIVES:
            point = row(trace, "poolkeeper", replace(setting, objective_percent=objective), start_times)
            points.append(point)
            allowed, breaks = 100.0 - objective, point.avoidable_breaks_percent
            measured = f"{breaks:.2f} % of {allowed:.2f} % used, {point.accelerator_hours:.2f} h"
            yield Finding("frontier", f"{name}: {objective:g} %", measured, breaks <= allowed + 0.3)
        for peer in rows(trace, PEERS, setting, start_times):
            below = [point for point in points if point.breaks <= peer.breaks] or points[-1:]
            best = min(below, key=lambda point: point.accelerator_hours)
            is_below = best.breaks <= peer.breaks and best.accelerator_hours <= peer.accelerator_hours
            measured = (
                f"{best.accelerator_hours:.2f} h and {best.breaks} breaks, "
                f"{peer.policy} {peer.accelerator_hours:.2f} h and {peer.breaks}"
            )
            yield Finding("frontier", f"{name}: {peer.policy}", measured, is_below)


def hurried(trace: Trace) -> Iterator[Finding]:
    """Starts beyond the budget: cheaper than fixed timeouts tuned in hindsight to as many breaks."""
    setting = Setting(budget_seconds=20.0)
    fixed = rows(trace, [f"fixed:idle={seconds}" for seconds in TIMEOUTS], setting, MINUTE_AND_A_HALF)
    saved = []
    for objective in OBJECTIVES:
        ours = row(trace, "poolkeeper", replace(setting, objective_percent=objective), MINUTE_AND_A_HALF)
        tuned = at_equal_breaks(fixed, ours.breaks_percent)
        if tuned is None:
            continue
        saved.append(1 - ours.accelerator_hours / tuned)
        measured = f"{100 * saved[-1]:+.1f} % fewer hours at {ours.breaks_percent:.2f} % breaks"
        yield Finding("hurried", f"objective {objective:g} %", measured, saved[-1] >= -0.02)
    if saved:
        yield Finding("hurried", "mean", f"{100 * mean(saved):+.1f} % fewer hours", mean(saved) >= 0.1)


def loaded(trace: Trace) -> Iterator[Finding]:
    """Many replicas: fewer hours than Knative at no more breaks, and no overshoot."""
    for start, budget in (
        (30.0, 60.0),
        (90.0, 120.0),
        (240.0, 300.0),
        (30.0, 20.0),
        (90.0, 60.0),
        (240.0, 120.0),
    ):
        setting = Setting(budget_seconds=budget, concurrency=4, max_replicas=16)
        ours, knative = rows(trace, ("poolkeeper", "knative"), setting, Constant(start))
        saved = 1 - ours.accelerator_hours / knative.accelerator_hours
        measured = (
            f"{100 * saved:+.1f} % fewer hours, {ours.breaks} breaks for Knative's {knative.breaks}, "
            f"{ours.ratio_to_optimum or 0:.2f} × lower bound, "
            f"{ours.max_replicas} replicas for {knative.max_replicas}"
        )
        is_kept = saved >= 0.15 and ours.breaks <= knative.breaks
        yield Finding("loaded", f"start {start:g} s, budget {budget:g} s", measured, is_kept)


def robust(trace: Trace) -> Iterator[Finding]:
    """What goes wrong costs at most half as much again, and two points of breaks."""
    calm = Setting(budget_seconds=300.0)
    basis = row(trace, "poolkeeper", calm, MINUTE_AND_A_HALF)
    troubles: dict[str, tuple[Disturbance, StartTimes]] = {
        "starts take twice as long from the 20th on": (Disturbance(), Shifted(MINUTE_AND_A_HALF, 2.0, 20)),
        "heavy tails (log-normal, σ 0.8)": (Disturbance(), Lognormal(60.0, 0.8)),
        "samples 30 s late": (Disturbance(lag_seconds=30.0), MINUTE_AND_A_HALF),
        "5 % of polls lost": (Disturbance(lost_percent=5.0), MINUTE_AND_A_HALF),
        "both": (Disturbance(30.0, 5.0), MINUTE_AND_A_HALF),
    }
    for name, (disturbance, start_times) in troubles.items():
        ours = row(trace, "poolkeeper", replace(calm, disturbance=disturbance), start_times)
        more = ours.avoidable_breaks_percent - basis.avoidable_breaks_percent
        factor = (ours.ratio_to_optimum or 0.0) / (basis.ratio_to_optimum or 1.0)
        measured = f"{more:+.2f} points of breaks, {factor:.2f} × the cost beside its optimum"
        yield Finding("robust", name, measured, more <= 2.0 and factor <= 1.5)


BARS: dict[str, Callable[[Trace], Iterator[Finding]]] = {
    "cost": cost, "frontier": frontier, "hurried": hurried, "loaded": loaded, "robust": robust,
}  # fmt: skip
SPARSE = ("cost", "frontier", "hurried", "robust")


def subjects(paths: Sequence[Path], bars: Sequence[str]) -> Iterator[tuple[Trace, str]]:
    """Which bars are held against which trace."""
    if paths:
        traces = [reported_half(read_trace(path, None, Reading())) for path in paths]
        yield from ((trace, bar) for trace in traces for bar in bars or BARS)
        return
    for name in (AGENT_SESSIONS, AZURE_FUNCTIONS, SERVEGEN):
        yield from ((reported_half(bundled(name)), bar) for bar in bars or SPARSE if bar in SPARSE)
    if not bars or "loaded" in bars:
        yield reported_half(bundled(AZURE_CODE)), "loaded"


def main() -> int:
    """Measures and prints; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bar", action="append", choices=sorted(BARS), default=[])
    parser.add_argument("traces", nargs="*", type=Path)
    arguments = parser.parse_args()
    missed = 0
    for trace, bar in subjects(arguments.traces, arguments.bar):
        for found in BARS[bar](trace):
            missed += not found.is_kept
            mark = "kept  " if found.is_kept else "MISSED"
            print(f"{mark} {trace.name}  {found.bar}  {found.subject}: {found.measured}", flush=True)
    print(f"{missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
