"""Shows where the policy stands between the best that is possible and the best settings of its peers.

    python -m hack.bench policy.standing             prints the table, a line at a time
    python -m hack.bench policy.standing --write     also writes it into docs/policy-results.md and draws it

Everything has as many late requests as Poolkeeper has at 99.5 %, or the nearest that it can have. Only the
reported half of a trace is measured, and one seed of each generated family.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from hack.bench.policy.measures.families import FAMILIES
from hack.bench.policy.measures.finding import HURRIED, STARTS, Promise
from hack.bench.policy.measures.runs import Case, Runs, Total
from hack.bench.policy.measures.slices import (
    AGENT_SESSIONS,
    AZURE_FUNCTIONS,
    MOST_REQUESTS,
    SERVEGEN,
    bundled,
    calm,
    reported_half,
)
from hack.bench.policy.table import IMAGES, PAGE
from poolkeeper.backtest.controllers.registry import HINDSIGHT, INFORMED
from poolkeeper.backtest.optimum.frontier import mixed
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.traces.trace import Trace
from poolkeeper.backtest.tuned import candidates

BEGIN, END = "<!-- measured by policy.standing: begin -->", "<!-- measured by policy.standing: end -->"
PEERS = ("keda", "knative", "hpa", "kubeai")
PROMISES: dict[str, Promise] = {**STARTS, "constant 90 s, budget 20 s": HURRIED}
OF_FAMILIES = ("constant 90 s", "log-normal 90 s, σ 0.5")
"""Start times that the generated families are shown with."""


@dataclass(frozen=True)
class Hours:
    """Accelerator-hours with as many late requests as Poolkeeper has; None where it is not known."""

    optimum: float
    informed: float | None
    hindsight: float | None
    poolkeeper: float
    tuned: float
    keda: float


@dataclass(frozen=True)
class Standing:
    """One trace with one start time; late in percent."""

    trace: str
    start: str
    late: float
    hours: Hours
    tuned: str
    """The best setting of a peer, and its share of late requests where it has more."""

    @property
    def line(self) -> str:
        """Of the markdown table."""
        shown = (getattr(self.hours, each.name) for each in fields(Hours))
        hours = ["" if each is None else f"{each:.1f}" for each in shown]
        hours[3] = f"**{hours[3]}**"
        return f"| {self.trace} | {self.start} | {self.late:.2f} % | {' | '.join(hours)} | {self.tuned} |"


HEADER = (
    "| trace | start | late | optimum | informed | hindsight | **Poolkeeper** | best tuned peer | KEDA "
    "| which setting |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---|"
)


def subjects() -> Iterator[tuple[Trace, Setting, dict[str, Promise]]]:
    """The traces with the replicas that their pools may have and their start times."""
    for name in (AGENT_SESSIONS, AZURE_FUNCTIONS, SERVEGEN):
        yield calm(reported_half(bundled(name)), MOST_REQUESTS), Setting(budget_seconds=0), PROMISES
    for name, family in FAMILIES.items():
        yield family.trace(name, 1), family.setting(), {start: STARTS[start] for start in OF_FAMILIES}


def standing(runs: Runs, name: str, case: Case) -> Standing:
    """One line: the bounds, Poolkeeper and its peers on one trace."""
    tuned = [policy.label for peer in PEERS for policy in candidates(peer, case.setting)]
    beside = [Case(case.setting, case.start_times, policy) for policy in ("keda", *tuned)]
    runs.ask([case, *beside])
    ours, keda, *peers = map(runs.total, (case, *beside))
    setting, best = cheapest(list(zip(tuned, peers, strict=True)), ours)
    return Standing(
        trace=runs.trace.name,
        start=name,
        late=ours.late_percent,
        hours=Hours(
            runs.optimum_hours(case),
            bound(runs, INFORMED, case, ours.late),
            bound(runs, HINDSIGHT, case, ours.late),
            ours.hours,
            best.hours,
            keda.hours,
        ),
        tuned=f"`{setting}`" + (f", {best.late_percent:.2f} % late" if best.late > ours.late else ""),
    )


def cheapest(settings: Sequence[tuple[str, Total]], ours: Total) -> tuple[str, Total]:
    """The setting of fewest hours with no more late than Poolkeeper, or else the one of fewest late."""
    within = [each for each in settings if each[1].late <= ours.late]
    if within:
        return min(within, key=lambda each: (each[1].hours, each[1].late))
    return min(settings, key=lambda each: (each[1].late, each[1].hours))


def bound(runs: Runs, policy: str, case: Case, late: float) -> float | None:
    """Hours of a policy that knows the trace, with as many late requests; known for single replicas only."""
    if (case.setting.max_replicas, case.setting.concurrency) != (1, 1):
        return None
    frontier = runs.frontier(policy, case, runs.trace.pools)
    return mixed(frontier, late).accelerator_seconds / 3600


def draw(found: Sequence[Standing], path: Path) -> None:
    """One row per line of the table: everything in multiples of the best rules in hindsight."""
    rows = [each for each in found if each.hours.hindsight]
    marks = {
        "informed": ("|", "#3566a8", "knows all requests, and how start times are distributed"),
        "poolkeeper": ("o", "#0a7d4f", "Poolkeeper"),
        "tuned": ("s", "#b4472e", "best setting of KEDA, Knative, HPA or KubeAI for this trace"),
        "keda": ("x", "#6b6b6b", "KEDA with its defaults (its own share of late requests)"),
    }
    with rc_context({"svg.hashsalt": "standing", "font.size": 9, "svg.fonttype": "none"}):
        figure = Figure(figsize=(8.4, 1.6 + 0.24 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for name, (marker, colour, label) in marks.items():
            points = [
                (hours / (each.hours.hindsight or 1), -row)
                for row, each in enumerate(rows)
                if (hours := getattr(each.hours, name)) is not None
            ]
            across, down = zip(*points, strict=True)
            axes.scatter(across, down, s=34, color=colour, marker=marker, label=label, zorder=3)
        axes.axvline(
            1.0, color="#3566a8", linewidth=1, label="best rules that hindsight chooses for each pool"
        )
        axes.set_yticks([-row for row in range(len(rows))], [f"{each.trace}, {each.start}" for each in rows])
        axes.set_xlim(left=0.6)
        axes.set_xlabel("hours as multiples of hindsight's with as many late requests")
        axes.grid(axis="x", color="#dddddd", zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")


def insert(page: str, table: str) -> str:
    """The page with everything between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--write", action="store_true", help="write the table into the page, and draw it")
    parser.add_argument("--only", default="", metavar="TEXT", help="the traces with TEXT in their name")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    options = parser.parse_args(arguments)
    print(HEADER)
    found: list[Standing] = []
    for trace, setting, promises in subjects():
        if options.only not in trace.name:
            continue
        with Runs(trace, options.processes) as runs:
            for name, (start_times, budget) in promises.items():
                case = Case(replace(setting, budget_seconds=budget), start_times)
                found.append(standing(runs, name, case))
                print(found[-1].line, flush=True)
    if options.write:
        PAGE.write_text(insert(PAGE.read_text(), "\n".join([HEADER, *(each.line for each in found)])))
        draw(found, IMAGES / "where-it-stands.svg")
    return 0
