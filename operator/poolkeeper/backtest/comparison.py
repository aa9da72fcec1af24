"""Runs policies over traces, spread over the machine's cores, and sums up what came out."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from time import perf_counter
from typing import Any

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.registry import ALWAYS_ON, OPTIMUM, POOLKEEPER, Policy
from poolkeeper.backtest.optimum.choice import Kind, Optimum, optimum
from poolkeeper.backtest.simulation.accounting import PoolFigures, Row, breaks_in, summed
from poolkeeper.backtest.simulation.always_on import waits_when_always_on
from poolkeeper.backtest.simulation.controller import Controller, Pool
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
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
"""Told how many replays are done of how many: one for each pool under each policy."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What every policy on one pool is held against."""

    best: Optimum
    unavoidable_breaks: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """One policy on one pool, before it is held against anything."""

    outcome: Outcome
    decisions: int
    seconds_deciding: float


Place = tuple[int, int]
"""A trace and one of its pools, by number."""
Job = tuple[Place, int | None]
"""A pool, and the number of the policy to replay on it; None is the pool's yardstick."""
Result = Yardstick | Replayed


def compare(
    comparison: Comparison, *, processes: int | None = None, progress: Progress | None = None
) -> Results:
    """Replays every pool of every trace under every policy."""
    places = [(t, p) for t, trace in enumerate(comparison.traces) for p in range(len(trace.pools))]
    replayed = [n for n, policy in enumerate(comparison.policies) if policy.name != OPTIMUM]
    jobs: list[Job] = [(place, number) for number in (None, *replayed) for place in places]
    optima = len(comparison.policies) - len(replayed)
    total, done = len(places) * len(comparison.policies), 0
    yardsticks: dict[Place, Yardstick] = {}
    outcomes: dict[Job, Replayed] = {}
    for job, found in _worked_off(comparison, jobs, processes):
        if isinstance(found, Yardstick):
            yardsticks[job[0]] = found
            done += optima
        else:
            outcomes[job] = found
            done += 1
        if progress:
            progress(done, total)
    return _summed_up(comparison, yardsticks, outcomes)


def _worked_off(
    comparison: Comparison, jobs: list[Job], processes: int | None
) -> Iterator[tuple[Job, Result]]:
    requests = sum(trace.requests for trace in comparison.traces)
    processes = processes or os.cpu_count() or 1
    if processes == 1 or requests * len(comparison.policies) < WORTH_A_PROCESS:
        for job in jobs:
            yield job, _work(comparison, *_requests_of(comparison, job), job[1])
        return
    bare = replace(comparison, traces=())
    with ProcessPoolExecutor(min(processes, len(jobs)), get_context("spawn")) as executor:
        running: dict[Future[Result], Job] = {
            executor.submit(_work, bare, *_requests_of(comparison, job), job[1]): job
            for job in sorted(jobs, key=lambda job: -_weight(comparison, job))
        }
        for future in as_completed(running):
            yield running[future], future.result()


def _requests_of(comparison: Comparison, job: Job) -> tuple[PoolTrace, float]:
    """A job's requests, and when their trace ends."""
    trace, pool = job[0]
    whole = comparison.traces[trace]
    return whole.pools[pool], whole.ends_at


def _weight(comparison: Comparison, job: Job) -> int:
    """How long a job takes, roughly: the longest go first, lest one of them run alone at the end."""
    (trace, pool), number = job
    is_ours = number is not None and comparison.policies[number].name == POOLKEEPER
    return len(comparison.traces[trace].pools[pool]) * (OURS_WEIGH if is_ours else 1)


def _work(comparison: Comparison, requests: PoolTrace, ends_at: float, number: int | None) -> Result:
    """One job, in whatever process."""
    if number is None:
        return yardstick(requests, comparison.setting, comparison.start_times, ends_at)
    return _replayed(comparison, requests, ends_at, comparison.policies[number])


def yardstick(requests: PoolTrace, setting: Setting, start_times: StartTimes, ends_at: float) -> Yardstick:
    """The optimum of one pool of a trace that ends at the given instant, and what no policy could avoid."""
    always_on = waits_when_always_on(requests, setting.max_replicas * setting.concurrency)
    best = optimum(requests, setting, start_times.mean_seconds, always_on, ends_at)
    return Yardstick(best, breaks_in(always_on, setting.budget_seconds))


def _replayed(comparison: Comparison, requests: PoolTrace, ends_at: float, policy: Policy) -> Replayed:
    setting = comparison.setting
    if policy.name == ALWAYS_ON:
        setting = replace(setting, min_replicas=setting.max_replicas)
    controller = policy.controller(setting, requests.name)
    timed = controller if isinstance(controller, Poolkeeper) else Timed(controller)
    outcome = Replay(requests, setting, comparison.start_times, timed, ends_at=ends_at).run()
    return Replayed(outcome, timed.decisions, timed.seconds_deciding)


class Timed:
    """Counts a peer's decisions and the time that they take."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.wake_at = controller.wake_at
        self.sees_requests_at = controller.sees_requests_at
        self.sees_replicas_at = controller.sees_replicas_at
        self.decisions = 0
        self.seconds_deciding = 0.0

    def step(self, now: float, pool: Pool) -> int:
        """The controller's step."""
        began = perf_counter()
        replicas = self._controller.step(now, pool)
        self.seconds_deciding += perf_counter() - began
        self.decisions += 1
        self.wake_at = self._controller.wake_at
        return replicas


def _outcome_figures(
    setting: Setting, requests: PoolTrace, replayed: Replayed, held_against: Yardstick
) -> PoolFigures:
    outcome, best = replayed.outcome, held_against.best
    return PoolFigures(
        requests=len(requests),
        accelerator_seconds=outcome.accelerator_seconds,
        busy_seconds=outcome.busy_seconds,
        breaks=breaks_in(outcome.waits, setting.budget_seconds),
        unavoidable_breaks=held_against.unavoidable_breaks,
        optimum_seconds=best.accelerator_seconds,
        optimum_kind=best.kind,
        waits=outcome.waits,
        cold_starts=outcome.cold_starts,
        scale_actions=outcome.scale_actions,
        max_replicas=outcome.max_replicas,
        decisions=replayed.decisions,
        seconds_deciding=replayed.seconds_deciding,
        replicas_over_time=outcome.replicas_over_time,
    )


def _optimum_figures(setting: Setting, requests: PoolTrace, held_against: Yardstick) -> PoolFigures:
    """The optimum as a row; its breaks are the unavoidable ones, its waits known where it is a schedule."""
    best, unavoidable = held_against.best, held_against.unavoidable_breaks
    is_schedule = best.kind is Kind.EXACT
    return PoolFigures(
        requests=len(requests),
        accelerator_seconds=best.accelerator_seconds,
        busy_seconds=sum(requests.services) / setting.concurrency,
        breaks=unavoidable,
        unavoidable_breaks=unavoidable,
        optimum_seconds=best.accelerator_seconds,
        optimum_kind=best.kind,
        waits=best.waits,
        cold_starts=best.cold_starts,
        scale_actions=None if best.cold_starts is None else 2 * best.cold_starts,
        max_replicas=setting.max_replicas if is_schedule else None,
    )


def _summed_up(
    comparison: Comparison, yardsticks: dict[Place, Yardstick], outcomes: dict[Job, Replayed]
) -> Results:
    rows: list[Row] = []
    behind: list[tuple[PoolFigures, ...]] = []
    setting = comparison.setting
    for t, trace in enumerate(comparison.traces):
        for number, policy in enumerate(comparison.policies):
            pools = [
                _optimum_figures(setting, requests, yardsticks[t, p])
                if policy.name == OPTIMUM
                else _outcome_figures(setting, requests, outcomes[(t, p), number], yardsticks[t, p])
                for p, requests in enumerate(trace.pools)
            ]
            parameters = {**comparison.parameters, **dict(policy.parameters)}
            rows.append(summed(trace.name, policy.label, parameters, pools, comparison.dollars_per_hour))
            behind.append(tuple(pools))
    return Results(tuple(rows), tuple(behind))
