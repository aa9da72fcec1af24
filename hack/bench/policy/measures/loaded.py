"""The bar under load, with many replicas: no dearer than the best peer tuned to as few late requests.

Every peer is replayed with each setting that `poolkeeper.backtest.tuned` searches, on the same trace; two
settings can be mixed. Beside that, in the first minutes, when nothing is known, no more requests are late
than with Knative's panic, and the replicas go when the load has gone.
"""

from collections.abc import Iterator
from itertools import pairwise

from hack.bench.policy.measures.finding import Finding
from hack.bench.policy.measures.runs import Case, Run, Runs, Total
from hack.bench.policy.table import cheapest_mix
from poolkeeper.backtest.controllers.registry import POOLKEEPER
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, StartTimes
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.tuned import candidates

LOADS = ((30.0, 60.0), (90.0, 120.0), (240.0, 300.0), (30.0, 20.0), (90.0, 60.0), (240.0, 120.0))
"""Start times and budgets."""
FIRST_SECONDS = 600.0
TAIL_SECONDS = 1200.0
"""From the end of the last request until no replica is left."""
KNATIVE = "knative"
TUNED = ("keda", "knative", "hpa", "kubeai")


def loaded(runs: Runs) -> Iterator[Finding]:
    """Hours beside the cheapest tuned peer, the first minutes, and the tail."""
    cases = {
        f"start {start:g} s, budget {budget:g} s": cases_of(
            Setting(budget_seconds=budget, concurrency=4, max_replicas=16), Constant(start)
        )
        for start, budget in LOADS
    }
    runs.ask(case for each in cases.values() for case in each)
    for name, (ours, knative, *tuned) in cases.items():
        optimum_hours = runs.optimum_hours(ours)
        yield beside_tuned(name, runs.total(ours), list(map(runs.total, tuned)), optimum_hours)
        yield first_minutes(f"{name}, first {FIRST_SECONDS / 60:g} minutes", runs.of(ours), runs.of(knative))
        yield tail(f"{name}, after the last request", runs.of(ours))


def cases_of(setting: Setting, start_times: StartTimes) -> list[Case]:
    """Poolkeeper, Knative as it comes, and every setting of the tuned peers."""
    tuned = [policy.label for peer in TUNED for policy in candidates(peer, setting)]
    return [Case(setting, start_times, policy) for policy in (POOLKEEPER, KNATIVE, *tuned)]


def beside_tuned(subject: str, ours: Total, tuned: list[Total], optimum_hours: float) -> Finding:
    """The hours beside the cheapest mix of tuned peers with as few late requests."""
    cheapest = cheapest_mix([(each.late_percent, each.hours) for each in tuned], ours.late_percent)
    ratio = ours.hours / optimum_hours
    own = f"{ours.hours:.2f} h ({ratio:.2f} × lower bound) with {ours.late_percent:.2f} % late"
    if cheapest is None:
        fewest = min(tuned, key=lambda each: each.late)
        return Finding(
            subject, f"{own}; no tuned peer has so few, {fewest.late_percent:.2f} % at least", True
        )
    saved = 1 - ours.hours / cheapest
    measured = f"{100 * saved:+.1f} % fewer hours than the best tuned peer with as few late; {own}"
    return Finding(subject, measured, ours.hours <= cheapest)


def first_minutes(subject: str, ours: list[Run], knative: list[Run]) -> Finding:
    """Late requests before a policy can know much."""
    late, theirs = (sum(map(_late_at_first, each)) for each in (ours, knative))
    return Finding(subject, f"{late} late for Knative's {theirs}", late <= theirs)


def _late_at_first(run: Run) -> int:
    first = sum(arrival <= FIRST_SECONDS for arrival in run.requests.arrivals)
    return late_in(run.seen.outcome.waits[:first], run.setting.budget_seconds)


def tail(subject: str, found: list[Run]) -> Finding:
    """How long replicas stay when nothing is left to do."""
    longest = max(map(_tail_seconds, found))
    return Finding(subject, f"no replica after {longest:.0f} s", longest < TAIL_SECONDS)


def _tail_seconds(run: Run) -> float:
    """From the end of the last request until the last replica is asked to stop."""
    requests = zip(run.requests.arrivals, run.seen.outcome.waits, run.requests.services, strict=True)
    done_at = max(arrival + wait + service for arrival, wait, service in requests)
    last_up = max(
        (until for (_, desired, _), (until, _, _) in pairwise(_changes(run)) if desired), default=done_at
    )
    return max(0.0, last_up - done_at)


def _changes(run: Run) -> list[tuple[float, int, int]]:
    return [*run.seen.outcome.replicas_over_time, (run.seen.outcome.ended_at, 0, 0)]
