"""The bar on starts that outlast the budget: cheaper than timeouts tuned in hindsight to as many late."""

from collections.abc import Iterator
from statistics import mean

from hack.bench.policy.measures.finding import HURRIED, Finding
from hack.bench.policy.measures.objective import at_objectives
from hack.bench.policy.measures.runs import Case, Runs
from hack.bench.policy.table import OBJECTIVES, TIMEOUTS, cheapest_mix
from poolkeeper.backtest.simulation.setting import Setting

ALL_OBJECTIVES = "all objectives"
LESS = 0.1


def hurried(runs: Runs) -> Iterator[Finding]:
    """Each objective beside the timeouts with as few late, and the mean of the objectives."""
    start_times, budget = HURRIED
    setting = Setting(budget_seconds=budget)
    fixed = [Case(setting, start_times, f"fixed:idle={seconds}") for seconds in TIMEOUTS]
    cases = at_objectives(HURRIED)
    runs.ask([*cases, *fixed])
    tuned_points = [(total.late_percent, total.hours) for total in map(runs.total, fixed)]
    saved = []
    for percent, ours in zip(OBJECTIVES, map(runs.total, cases), strict=True):
        tuned = cheapest_mix(tuned_points, ours.late_percent)
        if tuned is None:
            continue
        saved.append(1 - ours.hours / tuned)
        measured = f"{100 * saved[-1]:+.1f} % fewer hours at {ours.late_percent:.2f} % late"
        yield Finding(f"objective {percent:g} %", measured, saved[-1] >= 0)
    if saved:
        yield Finding(
            ALL_OBJECTIVES, f"{100 * mean(saved):+.1f} % fewer hours", mean(saved) >= 0, mean(saved)
        )


def all_traces(saved: list[float]) -> Finding:
    """The mean over traces of what each of them saves."""
    return Finding(
        f"mean of {len(saved)} traces", f"{100 * mean(saved):+.1f} % fewer hours", mean(saved) >= LESS
    )
