"""The bar on what a strict objective costs: nothing is paid for fewer late requests than were declared.

Only requests that came after a pool's 30th start count, and only those that an always-on pool would have
taken in time. The bar is missed if 0.3 points fewer are late than declared, and a mix of the policy's own
runs at other objectives reaches the declared share for at least 1 % fewer hours. Where no mix does, fewer
late requests cost nothing, and the objective does not bind. Whether more are late than declared is what the
bar `promise` says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hack.bench.policy.measures.finding import STARTS, Finding, Promise
from hack.bench.policy.measures.runs import Case, Run, Runs, share
from hack.bench.policy.table import OBJECTIVES, cheapest_mix
from poolkeeper.backtest.simulation.setting import Setting

SEEN_STARTS = 30
TOLERANCE = 0.3
WORTH = 0.01
LEAST_REQUESTS = 1000
"""One late request among these is a tenth of a point."""
LOOSER = 80.0
"""An objective below the loosest of the others, which shows what more late requests would save."""
LEAST_POOLS = 6
"""Traces with fewer pools are not divided into groups."""

Point = tuple[float, float]
"""Percent of requests that were late, and hours."""


def at_objectives(promise: Promise, objectives: Sequence[float] = OBJECTIVES) -> list[Case]:
    """One case per objective."""
    start_times, budget = promise
    setting = Setting(budget_seconds=budget)
    return [Case(replace(setting, objective_percent=percent), start_times) for percent in objectives]


def objective(runs: Runs) -> Iterator[Finding]:
    """Each objective, on the whole trace and on its quiet and busy pools."""
    objectives = (LOOSER, *OBJECTIVES)
    runs.ask(case for promise in STARTS.values() for case in at_objectives(promise, objectives))
    for name, promise in STARTS.items():
        by_objective = [runs.of(case) for case in at_objectives(promise, objectives)]
        for group, members in groups(runs).items():
            shares = [
                share([_late(found[member]) for member in members if _is_settled(found[member])])
                for found in by_objective
            ]
            hours = [sum(found[member].hours for member in members) for found in by_objective]
            if max(requests for _, requests in shares) < LEAST_REQUESTS:
                measured = f"too few requests after the {SEEN_STARTS}th start, {shares[0][1]} at {LOOSER:g} %"
                yield Finding(f"{name}: {group}", measured, None)
                if len(members) == len(runs.trace.pools):
                    break
                continue
            found = list(zip(shares, hours, strict=True))
            points = [(late, cost) for (late, requests), cost in found if requests >= LEAST_REQUESTS]
            for percent, ((late, requests), cost) in zip(OBJECTIVES, found[1:], strict=True):
                yield verdict(f"{name}: {percent:g} %, {group}", percent, (late, cost), requests, points)


def groups(runs: Runs) -> dict[str, Sequence[int]]:
    """The pools by number: all of them, and, where there are enough, thirds by how many requests they get."""
    pools = runs.trace.pools
    order = sorted(range(len(pools)), key=lambda number: len(pools[number]))
    found: dict[str, Sequence[int]] = {f"all {len(pools)} pools": order}
    if len(pools) >= LEAST_POOLS:
        third = len(pools) // 3
        thirds = order[:third], order[third : len(pools) - third], order[len(pools) - third :]
        for name, members in zip(("quiet", "middling", "busy"), thirds, strict=True):
            found[f"{len(members)} {name} pools"] = members
    return found


def verdict(subject: str, percent: float, point: Point, requests: int, points: Sequence[Point]) -> Finding:
    """Whether one group of pools keeps one objective; `points` are its results at every objective."""
    late, hours = point
    allowed = 100.0 - percent
    measured = f"{late:.2f} % late where {allowed:.4g} % may be, of {requests} requests"
    if requests < LEAST_REQUESTS:
        return Finding(subject, f"too few requests: {measured}", None)
    if late > allowed + TOLERANCE:
        return Finding(subject, f"more late, see promise: {measured}", None)
    if late >= allowed - TOLERANCE:
        return Finding(subject, measured, True)
    saved = 1 - (cheapest_mix(points, allowed) or hours) / hours
    if saved > WORTH:
        bought = f"{100 * saved:.1f} % fewer hours buy the rest"
        return Finding(subject, f"paid too much for fewer: {measured}; {bought}", False)
    return Finding(subject, f"not binding: {measured}, and being late saves {100 * saved:.1f} %", True)


def _is_settled(run: Run) -> bool:
    return run.seen_starts_at(SEEN_STARTS) is not None


def _late(run: Run) -> tuple[int, int]:
    settled_at = run.seen_starts_at(SEEN_STARTS)
    return (0, 0) if settled_at is None else run.late_since(settled_at)
