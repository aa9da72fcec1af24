"""Compares policies on traces: replays every pool under each of them and sums up."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from poolkeeper.backtest.controllers.registry import OPTIMUM, POOLKEEPER, Policy
from poolkeeper.backtest.figures import PoolFigures, Row, Yardstick, summed
from poolkeeper.backtest.replays import replayed, yardstick
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.traces.trace import PoolTrace, Trace

WORTH_A_PROCESS = 20_000
"""Requests times policies below which other processes would take longer to start than the work takes."""
OURS_WEIGH = 20
"""How many times as long as a peer's a replay of Poolkeeper takes."""


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
    policies = [n for n, policy in enumerate(comparison.policies) if policy.name != OPTIMUM]
    jobs: list[Job] = [(place, number) for number in (None, *policies) for place in places]
    optima = len(comparison.policies) - len(policies)
    total, done = len(places) * len(comparison.policies), 0
    results: dict[Job, Any] = {}
    try:
        for job, result in _worked_off(comparison, jobs, executor):
            results[job] = result
            done += optima if job[1] is None else 1
            if progress:
                progress(done, total)
    finally:
        if executor:
            executor.shutdown(cancel_futures=True)
    return _summed_up(comparison, results)


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
    return (yardstick, *shared) if number is None else (replayed, *shared, comparison.policies[number])


def _weight(comparison: Comparison, job: Job) -> int:
    """How long a job takes, roughly: the longest go first, so that none of them runs alone at the end."""
    (trace, pool), number = job
    is_ours = number is not None and comparison.policies[number].name == POOLKEEPER
    return len(comparison.traces[trace].pools[pool]) * (OURS_WEIGH if is_ours else 1)


def _summed_up(comparison: Comparison, results: dict[Job, Any]) -> Results:
    rows: list[Row] = []
    behind: list[tuple[PoolFigures, ...]] = []
    for t, trace in enumerate(comparison.traces):
        for number, policy in enumerate(comparison.policies):
            pools = tuple(
                _figures(comparison.setting, requests, results.get(((t, p), number)), results[(t, p), None])
                for p, requests in enumerate(trace.pools)
            )
            parameters = {**comparison.parameters, **dict(policy.parameters)}
            rows.append(summed(trace.name, policy.label, parameters, pools, comparison.dollars_per_hour))
            behind.append(pools)
    return Results(tuple(rows), tuple(behind))


def _figures(setting: Setting, requests: PoolTrace, found: Outcome | None, beside: Yardstick) -> PoolFigures:
    """Without an outcome, the optimum as a policy of its own: only what is unavoidably late is late."""
    if found is None:
        return PoolFigures(len(requests), beside.unavoidable_late, beside.best, beside)
    return PoolFigures(len(requests), late_in(found.waits, setting.budget_seconds), found, beside)
