"""Compares policies on traces: replays every pool under each of them and sums up."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from poolkeeper.backtest.controllers.registry import OPTIMUM, POOLKEEPER, Policy
from poolkeeper.backtest.figures import PoolFigures, Row, Yardstick, summed
from poolkeeper.backtest.replays import Replayed, Workers, replayed, yardstick
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
Result = Yardstick | Replayed


def compare(
    comparison: Comparison, *, workers: Workers | None = None, progress: Progress | None = None
) -> Results:
    """Replays every pool of every trace under every policy, and closes the workers."""
    places = [(t, p) for t, trace in enumerate(comparison.traces) for p in range(len(trace.pools))]
    policies = [n for n, policy in enumerate(comparison.policies) if policy.name != OPTIMUM]
    jobs: list[Job] = [(place, number) for number in (None, *policies) for place in places]
    optima = len(comparison.policies) - len(policies)
    total, done = len(places) * len(comparison.policies), 0
    results: dict[Job, Result] = {}
    with workers or workers_for(comparison) as working:
        for job, result in _worked_off(comparison, jobs, working):
            results[job] = result
            done += optima if job[1] is None else 1
            if progress:
                progress(done, total)
    return _summed_up(comparison, results)


def workers_for(comparison: Comparison, processes: int | None = None) -> Workers:
    """At most this many processes (by default the machine's cores), and one where there is little to do."""
    requests = sum(trace.requests for trace in comparison.traces)
    is_little = requests * len(comparison.policies) < WORTH_A_PROCESS
    return Workers(1 if is_little else processes or os.cpu_count() or 1)


def _worked_off(comparison: Comparison, jobs: list[Job], workers: Workers) -> Iterator[tuple[Job, Result]]:
    running: dict[Future[Result], Job] = {
        _submitted(comparison, job, workers): job
        for job in sorted(jobs, key=lambda job: -_weight(comparison, job))
    }
    for future in workers.finished(list(running)):
        yield running[future], future.result()


def _submitted(comparison: Comparison, job: Job, workers: Workers) -> "Future[Any]":
    (trace, pool), number = job
    whole = comparison.traces[trace]
    shared = whole.pools[pool], whole.ends_at, comparison.setting, comparison.start_times
    if number is None:
        return workers.submit(yardstick, *shared)
    return workers.submit(replayed, *shared, comparison.policies[number])


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
                _optimum_figures(requests, results[(t, p), None])
                if policy.name == OPTIMUM
                else _figures(comparison.setting, requests, results[(t, p), number], results[(t, p), None])
                for p, requests in enumerate(trace.pools)
            )
            parameters = {**comparison.parameters, **dict(policy.parameters)}
            rows.append(summed(trace.name, policy.label, parameters, pools, comparison.dollars_per_hour))
            behind.append(pools)
    return Results(tuple(rows), tuple(behind))


def _figures(setting: Setting, requests: PoolTrace, found: Replayed, beside: Yardstick) -> PoolFigures:
    return PoolFigures(
        requests=len(requests),
        late=late_in(found.outcome.waits, setting.budget_seconds),
        outcome=found.outcome,
        yardstick=beside,
        decisions=found.decisions,
        seconds_deciding=found.seconds_deciding,
    )


def _optimum_figures(requests: PoolTrace, found: Yardstick) -> PoolFigures:
    """The optimum as a policy of its own: only what is unavoidably late is late."""
    return PoolFigures(len(requests), found.unavoidable_late, found.best, found)
