"""Runs policies over traces, spread over the machine's cores, and sums up what came out."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from time import perf_counter
from typing import Any

from poolkeeper.backtest.accounting import PoolFigures, Row, breaks_in, summed
from poolkeeper.backtest.always_on import waits_when_always_on
from poolkeeper.backtest.controllers.base import Controller, Pool
from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.registry import ALWAYS_ON, OPTIMUM, Policy
from poolkeeper.backtest.optimum.choice import Kind, Optimum, optimum
from poolkeeper.backtest.replay import Outcome, Replay
from poolkeeper.backtest.setting import Setting
from poolkeeper.backtest.start_times import StartTimes
from poolkeeper.backtest.trace import PoolTrace, Trace

WORTH_A_PROCESS = 20_000
"""Requests times policies below which other processes would take longer to start than the work takes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that one call of the command compares."""

    traces: tuple[Trace, ...]
    policies: tuple[Policy, ...]
    setting: Setting
    start_times: StartTimes
    parameters: dict[str, Any]
    dollars_per_hour: float | None = None


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
"""Told how many requests have been replayed of how many."""


def compare(
    comparison: Comparison, *, processes: int | None = None, progress: Progress | None = None
) -> Results:
    """Replays every pool of every trace under every policy."""
    work = [(t, p) for t, trace in enumerate(comparison.traces) for p in range(len(trace.pools))]
    total = sum(trace.requests for trace in comparison.traces)
    figures: dict[tuple[int, int], list[PoolFigures]] = {}
    replayed = 0
    for place, found in _replayed(comparison, work, processes):
        figures[place] = found
        replayed += found[0].requests
        if progress:
            progress(replayed, total)
    return _summed_up(comparison, figures)


def _replayed(
    comparison: Comparison, work: list[tuple[int, int]], processes: int | None
) -> Iterator[tuple[tuple[int, int], list[PoolFigures]]]:
    requests = sum(trace.requests for trace in comparison.traces)
    processes = processes or os.cpu_count() or 1
    if processes == 1 or len(work) == 1 or requests * len(comparison.policies) < WORTH_A_PROCESS:
        for place in work:
            yield place, replay_pool(comparison, *place)
        return
    largest_first = sorted(work, key=lambda place: -len(comparison.traces[place[0]].pools[place[1]]))
    bare = replace(comparison, traces=())
    with ProcessPoolExecutor(min(processes, len(work)), get_context("spawn")) as executor:
        running: dict[Future[list[PoolFigures]], tuple[int, int]] = {
            executor.submit(
                replay_one, bare, comparison.traces[trace].pools[pool], comparison.traces[trace].ends_at
            ): (trace, pool)
            for trace, pool in largest_first
        }
        for future in as_completed(running):
            yield running[future], future.result()


def replay_pool(comparison: Comparison, trace: int, pool: int) -> list[PoolFigures]:
    """Every policy on one pool of a comparison."""
    whole = comparison.traces[trace]
    return replay_one(comparison, whole.pools[pool], whole.ends_at)


def replay_one(comparison: Comparison, requests: PoolTrace, ends_at: float) -> list[PoolFigures]:
    """Every policy on one pool of a trace that ends at the given instant."""
    setting = comparison.setting
    always_on = waits_when_always_on(requests, setting.max_replicas * setting.concurrency)
    unavoidable = breaks_in(always_on, setting.budget_seconds)
    best = optimum(requests, setting, comparison.start_times.mean_seconds, always_on, ends_at)
    return [
        _figures(comparison, requests, ends_at, policy, best, unavoidable) for policy in comparison.policies
    ]


def _figures(
    comparison: Comparison,
    requests: PoolTrace,
    ends_at: float,
    policy: Policy,
    best: Optimum,
    unavoidable: int,
) -> PoolFigures:
    if policy.name == OPTIMUM:
        return _optimum_figures(comparison.setting, requests, best, unavoidable)
    setting = comparison.setting
    if policy.name == ALWAYS_ON:
        setting = replace(setting, min_replicas=setting.max_replicas)
    controller = policy.controller(setting, requests.name)
    timed = controller if isinstance(controller, Poolkeeper) else Timed(controller)
    outcome = Replay(requests, setting, comparison.start_times, timed, ends_at=ends_at).run()
    return _outcome_figures(setting, requests, outcome, timed, best, unavoidable)


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
    setting: Setting,
    requests: PoolTrace,
    outcome: Outcome,
    timed: "Timed | Poolkeeper",
    best: Optimum,
    unavoidable: int,
) -> PoolFigures:
    return PoolFigures(
        requests=len(requests),
        accelerator_seconds=outcome.accelerator_seconds,
        busy_seconds=outcome.busy_seconds,
        breaks=breaks_in(outcome.waits, setting.budget_seconds),
        unavoidable_breaks=unavoidable,
        optimum_seconds=best.accelerator_seconds,
        optimum_kind=best.kind,
        waits=outcome.waits,
        cold_starts=outcome.cold_starts,
        scale_actions=outcome.scale_actions,
        max_replicas=outcome.max_replicas,
        decisions=timed.decisions,
        seconds_deciding=timed.seconds_deciding,
        replicas_over_time=outcome.replicas_over_time,
    )


def _optimum_figures(setting: Setting, requests: PoolTrace, best: Optimum, unavoidable: int) -> PoolFigures:
    """The optimum as a row; its breaks are the unavoidable ones, its waits known where it is a schedule."""
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


def _summed_up(comparison: Comparison, figures: dict[tuple[int, int], list[PoolFigures]]) -> Results:
    rows: list[Row] = []
    behind: list[tuple[PoolFigures, ...]] = []
    for number, trace in enumerate(comparison.traces):
        for place, policy in enumerate(comparison.policies):
            pools = [figures[number, pool][place] for pool in range(len(trace.pools))]
            parameters = {**comparison.parameters, **dict(policy.parameters)}
            rows.append(summed(trace.name, policy.label, parameters, pools, comparison.dollars_per_hour))
            behind.append(tuple(pools))
    return Results(tuple(rows), tuple(behind))
