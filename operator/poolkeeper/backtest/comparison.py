"""Compares policies on traces: replays every pool under each of them and sums up."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from poolkeeper.backtest.controllers.registry import AT_A_SHARE, FRONTIERS, OPTIMUM, POOLKEEPER, TUNED, Policy
from poolkeeper.backtest.figures import PoolFigures, Row, summed
from poolkeeper.backtest.replays import frontier, replayed, yardstick
from poolkeeper.backtest.results import figures_of, late_wanted
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.traces.trace import Trace
from poolkeeper.backtest.tuned import at_best, searched

WORTH_A_PROCESS = 20_000
"""Requests times policies below which other processes would take longer to start than the work takes."""
LONG_WEIGHS = 20
"""How many times as long as a peer's a replay of Poolkeeper, a frontier or a search takes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that one call of the command compares."""

    traces: tuple[Trace, ...]
    policies: tuple[Policy, ...]
    setting: Setting
    start_times: StartTimes
    parameters: dict[str, Any]
    dollars_per_hour: float | None = None
    """Of one replica with all its chips."""


@dataclass(frozen=True, slots=True)
class Results:
    """One row per trace and policy, in the order asked for, and the figures of every pool behind it."""

    rows: tuple[Row, ...]
    pools: tuple[tuple[PoolFigures, ...], ...]

    def by_trace(self, traces: int) -> list[tuple[Row, ...]]:
        """The rows of each trace by their place, since a file may be given twice and names may be alike."""
        width = len(self.rows) // traces
        return [self.rows[number * width : (number + 1) * width] for number in range(traces)]


Progress = Callable[[int, int], None]
"""Called with how many replays are done and how many there are: one for each pool under each policy."""
Place = tuple[int, int]
"""A trace and one of its pools, by number."""
Job = tuple[Place, int | None]
"""A pool, and the number of the policy to replay on it; None is the pool's yardstick."""


def compare(
    comparison: Comparison, executor: Executor | None = None, progress: Progress | None = None
) -> Results:
    """Replays every pool of every trace under every policy: by the executor, which is then shut down, or
    here."""
    places = [(t, p) for t, trace in enumerate(comparison.traces) for p in range(len(trace.pools))]
    served = Counter(_found_by(comparison, number) for number in range(len(comparison.policies)))
    jobs: list[Job] = [(place, number) for number in {None: 0, **served} for place in places]
    total, done = len(places) * len(comparison.policies), 0
    results: dict[Job, Any] = {}
    try:
        for job, result in _worked_off(comparison, jobs, executor):
            results[job] = result
            done += served[job[1]]
            if progress:
                progress(done, total)
    finally:
        if executor:
            executor.shutdown(cancel_futures=True)
    return _summed_up(comparison, results)


def _found_by(comparison: Comparison, number: int) -> int | None:
    """The number of the policy whose jobs give the figures of this one: one frontier, or search,
    has every share."""
    name = comparison.policies[number].name
    if name == OPTIMUM:
        return None
    names = [policy.name for policy in comparison.policies]
    return names.index(name) if name in AT_A_SHARE else number


def executor_for(comparison: Comparison, processes: int | None) -> Executor | None:
    """At most this many processes (by default the machine's cores); None where there is little to do."""
    requests = sum(trace.requests for trace in comparison.traces)
    is_little = requests * len(comparison.policies) < WORTH_A_PROCESS
    number = 1 if is_little else processes or os.cpu_count() or 1
    return ProcessPoolExecutor(number, get_context("spawn")) if number > 1 else None


def _worked_off(
    comparison: Comparison, jobs: list[Job], executor: Executor | None
) -> Iterator[tuple[Job, Any]]:
    longest_first = sorted(jobs, key=lambda job: -_weight(comparison, job))
    if executor is None:
        for job in longest_first:
            work, *arguments = _work(comparison, job)
            yield job, work(*arguments)
    else:
        running = {executor.submit(*_work(comparison, job)): job for job in longest_first}
        for future in as_completed(running):
            yield running[future], future.result()


def _work(comparison: Comparison, job: Job) -> tuple[Any, ...]:
    """The function that does a job, and its arguments."""
    (trace, pool), number = job
    whole = comparison.traces[trace]
    shared = whole.pools[pool], whole.ends_at, comparison.setting, comparison.start_times
    if number is None:
        return (yardstick, *shared)
    policy = comparison.policies[number]
    work = frontier if policy.name in FRONTIERS else searched if policy.name in TUNED else replayed
    return work, *shared, policy


def _weight(comparison: Comparison, job: Job) -> int:
    """How long a job takes, roughly: the longest go first, so that none of them runs alone at the end."""
    (trace, pool), number = job
    is_long = number is not None and comparison.policies[number].name in (POOLKEEPER, *AT_A_SHARE)
    return len(comparison.traces[trace].pools[pool]) * (LONG_WEIGHS if is_long else 1)


def _summed_up(comparison: Comparison, results: Mapping[Job, Any]) -> Results:
    rows: list[Row] = []
    behind: list[tuple[PoolFigures, ...]] = []
    for number, trace in enumerate(comparison.traces):
        places = [(number, pool) for pool in range(len(trace.pools))]
        found = {
            policy: [results[place, _found_by(comparison, which)] for place in places]
            for which, policy in enumerate(comparison.policies)
        }
        beside = [results[place, None] for place in places]
        figures = figures_of(trace, comparison.setting, found, beside)
        for policy in comparison.policies:
            parameters = {**comparison.parameters, **dict(policy.parameters)}
            if policy.name in TUNED:
                late = late_wanted(policy, trace, comparison.setting, figures)
                shared = trace, comparison.setting, comparison.start_times
                chosen, of_pools = at_best(policy, *shared, found[policy], late, beside)
                figures[policy] = of_pools
                parameters["tuned_to"] = chosen.label
            rows.append(
                summed(trace.name, policy.label, parameters, figures[policy], comparison.dollars_per_hour)
            )
            behind.append(figures[policy])
    return Results(tuple(rows), tuple(behind))
