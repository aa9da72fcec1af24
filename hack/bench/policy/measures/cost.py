"""The bars on cost with starts that fit the budget: as cheap as rules chosen in hindsight, with as many late.

Hindsight knows the whole trace and chooses, for each pool, the best of a thousand rules of three constants:
for how long the replica idles, how late it starts, and whether the queue makes it earlier. All pools give up
a late request at the same price. Pools in which a policy that never idles makes fewer than thirty starts
are left out: nothing can be learned in them. Printed beside it are the optimum, and the best that is possible
without knowing how long the next start will take (informed). Nothing that does not know that can reach the
optimum, so only a start time that never varies has an aim on it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hack.bench.policy.measures.finding import STARTS, Finding, Promise
from hack.bench.policy.measures.runs import Case, Run, Runs, Total
from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.controllers.registry import HINDSIGHT, INFORMED
from poolkeeper.backtest.optimum.frontier import mixed
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal, TwoMode
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.traces.trace import PoolTrace

SEEN_STARTS = 30
OF_HINDSIGHT = 1.03
OF_HINDSIGHT_WITH_TWO_MODES = 1.05
OF_OPTIMUM = 1.15
"""Where starts do not vary."""
LEARNED_WITHIN = 10
"""Starts after which two kinds of starts must be known."""
MODES: dict[str, Promise] = {
    "40 s or 150 s (30 %)": STARTS["40 s or 150 s"],
    "25 s or 200 s (15 %)": (TwoMode(Lognormal(25.0, 0.1), Lognormal(200.0, 0.1), slow_share=0.15), 300.0),
}


def cost(runs: Runs) -> Iterator[Finding]:
    """Beside hindsight and the optimum, and well below KEDA where the optimum itself is."""
    cases = {name: _cases(promise) for name, promise in STARTS.items()}
    runs.ask(case for each in cases.values() for case in each)
    for name, (case, at_once, keda, never_idle) in cases.items():
        most = OF_HINDSIGHT_WITH_TWO_MODES if isinstance(case.start_times, TwoMode) else OF_HINDSIGHT
        parts = [
            whole(ours)
            for ours, restless in zip(runs.of(case), runs.of(never_idle), strict=True)
            if len(restless.ready_at) >= SEEN_STARTS
        ]
        yield beside_hindsight(name, runs, case, parts, most)
        optimum_hours = runs.optimum_hours(case)
        yield _of_optimum(name, runs, case, optimum_hours)
        totals = [runs.total(each) for each in (case, at_once, keda)]
        if optimum_hours <= 0.55 * totals[2].hours:
            yield from _beside_keda(name, *totals)


def _cases(promise: Promise) -> tuple[Case, ...]:
    """With starts at the deadline, with starts at once, KEDA, and what never idles."""
    start_times, budget = promise
    setting = Setting(budget_seconds=budget)
    at_once = replace(setting, start=StartMode.IMMEDIATELY)
    peers = (Case(setting, start_times, policy) for policy in ("keda", "fixed:idle=0"))
    return Case(setting, start_times), Case(at_once, start_times), *peers


def modes(runs: Runs) -> Iterator[Finding]:
    """Starts of two kinds: as cheap as hindsight from the tenth start on."""
    cases = {
        name: Case(Setting(budget_seconds=budget), start_times)
        for name, (start_times, budget) in MODES.items()
    }
    runs.ask(cases.values())
    for name, case in cases.items():
        parts = [part for run in runs.of(case) if (part := since_start(run, LEARNED_WITHIN))]
        yield beside_hindsight(name, runs, case, parts, OF_HINDSIGHT_WITH_TWO_MODES)


@dataclass(frozen=True)
class Part:
    """Requests of one pool, what their replicas cost, and how many of them were late."""

    requests: PoolTrace
    seconds: float
    late: int


def whole(run: Run) -> Part:
    """All requests of a pool."""
    late = late_in(run.seen.outcome.waits, run.setting.budget_seconds)
    return Part(run.requests, run.seen.outcome.accelerator_seconds, late)


def since_start(run: Run, starts: int) -> Part | None:
    """The requests after so many starts; None where too few starts follow to say anything."""
    if (instant := run.seen_starts_at(starts)) is None or len(run.ready_at) < SEEN_STARTS:
        return None
    arrivals, services = run.requests.arrivals, run.requests.services
    first = bisect_right(arrivals, instant)
    if first == len(arrivals):
        return None
    late = late_in(run.seen.outcome.waits[first:], run.setting.budget_seconds)
    return Part(
        PoolTrace(run.requests.name, arrivals[first:], services[first:]), run.paid_since(instant), late
    )


def beside_hindsight(subject: str, runs: Runs, case: Case, parts: Sequence[Part], most: float) -> Finding:
    """What the parts cost together, compared with hindsight at as many late requests, or its fewest."""
    if not parts:
        return Finding(subject, f"no pool has {SEEN_STARTS} starts", None)
    pools, late = [part.requests for part in parts], sum(part.late for part in parts)
    best = mixed(runs.frontier(HINDSIGHT, case, pools), late)
    ratio = sum(part.seconds for part in parts) / best.accelerator_seconds
    requests = sum(map(len, pools))
    measured = f"{ratio:.3f} × hindsight, {100 * late / requests:.2f} % late of {requests} requests"
    if best.late > late:
        measured += f" (hindsight has {100 * best.late / requests:.2f} % at least)"
    return Finding(subject, measured, ratio <= most)


def _of_optimum(name: str, runs: Runs, case: Case, optimum_hours: float) -> Finding:
    ours = runs.total(case)
    informed = mixed(runs.frontier(INFORMED, case, runs.trace.pools), ours.late).accelerator_seconds / 3600
    ratio = ours.hours / optimum_hours
    measured = f"{ratio:.3f} × optimum, {ours.hours / informed:.3f} × informed"
    is_constant = isinstance(case.start_times, Constant)
    return Finding(f"{name}: optimum", measured, ratio <= OF_OPTIMUM if is_constant else None)


def _beside_keda(name: str, ours: Total, at_once: Total, keda: Total) -> Iterator[Finding]:
    less, less_at_once = (1 - mine.hours / keda.hours for mine in (ours, at_once))
    yield Finding(f"{name}: beside KEDA", f"{100 * less:.1f} % fewer hours", less >= 0.3)
    more = at_once.late - keda.late
    measured = f"{100 * less_at_once:.1f} % fewer hours, {more:+d} late"
    yield Finding(f"{name}: Immediately beside KEDA", measured, less_at_once >= 0.2 and more <= 0)
