"""Replays of one trace under many policies and settings, each done once, spread over the cores."""

import math
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from multiprocessing import get_context
from types import TracebackType
from typing import TypeVar

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.registry import POOLKEEPER, parse_policy
from poolkeeper.backtest.figures import Yardstick
from poolkeeper.backtest.optimum.frontier import Point, added
from poolkeeper.backtest.replays import frontier, replayed, yardstick
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace, Trace
from poolkeeper.core.baselines.controller import Pool

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Case:
    """One policy with one promise and one model of start times."""

    setting: Setting
    start_times: StartTimes
    policy: str = POOLKEEPER


class Watched(Poolkeeper):
    """Poolkeeper, and how often it decided about replicas, or lowered them, while demand was unknown."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.blind = 0
        self.lowered_blind = 0

    def step(self, now: float, pool: Pool) -> int:
        """Poolkeeper's step."""
        wanted = super().step(now, pool)
        decision = self.last_decision
        if pool.desired and decision is not None and decision.demand_known.holds is not True:
            self.blind += 1
            self.lowered_blind += wanted < pool.desired
        return wanted


@dataclass(frozen=True)
class Seen:
    """The result of one replay, and what Poolkeeper said in it."""

    outcome: Outcome
    attainable: bool | None = None
    blind: int = 0
    lowered_blind: int = 0


@dataclass(frozen=True)
class Run:
    """One pool under one case."""

    requests: PoolTrace
    setting: Setting
    seen: Seen
    always_on: "array[float]"

    @property
    def hours(self) -> float:
        """Accelerator-hours."""
        return self.seen.outcome.accelerator_seconds / 3600

    @cached_property
    def ready_at(self) -> list[float]:
        """When each start became ready."""
        found: list[float] = []
        before = self.setting.min_replicas
        for at, _, ready in self.seen.outcome.replicas_over_time:
            found += [at] * (ready - before)
            before = ready
        return found

    def seen_starts_at(self, starts: int) -> float | None:
        """When this many starts had become ready; None where there were fewer."""
        return self.ready_at[starts - 1] if len(self.ready_at) >= starts else None

    def cold_request_at(self, count: int) -> float | None:
        """When the request came that was the pool's `count`th to find no replica ready; None if none was."""
        changes = self.seen.outcome.replicas_over_time
        ready, following, found = self.setting.min_replicas, 0, 0
        for arrival in self.requests.arrivals:
            while following < len(changes) and changes[following][0] <= arrival:
                ready = changes[following][2]
                following += 1
            found += not ready
            if found == count:
                return arrival
        return None

    def late_since(self, instant: float = -1.0) -> tuple[int, int]:
        """Of the requests that came after an instant: how many were avoidably late, and how many there are.

        Requests that are late in an always-on pool too are not counted.
        """
        first, budget = bisect_right(self.requests.arrivals, instant), self.setting.budget_seconds
        late = late_in(self.seen.outcome.waits[first:], budget)
        return late - late_in(self.always_on[first:], budget), len(self.requests) - first

    def paid_since(self, instant: float) -> float:
        """Accelerator-seconds after an instant; a replica that ends its work while stopping is left out."""
        changes = self.seen.outcome.replicas_over_time
        seconds = 0.0
        for (at, desired, _), (until, following, _) in pairwise(
            [*changes, (self.seen.outcome.ended_at, 10**9, 0)]
        ):
            if until > instant:
                seconds += desired * (until - max(at, instant))
                seconds += max(0, desired - following) * self.setting.termination_seconds
        return seconds


@dataclass(frozen=True)
class Total:
    """All pools of a trace under one case."""

    requests: int
    hours: float
    late: int
    avoidable: int

    @property
    def late_percent(self) -> float:
        """Share of the requests that waited longer than the budget."""
        return 100 * self.late / self.requests

    @property
    def avoidable_percent(self) -> float:
        """The same without those that are late in an always-on pool too."""
        return 100 * self.avoidable / self.requests


class OutOfTime(Exception):
    """The time limit of the benchmark is over."""


class Runs:
    """The replays of one trace. Other processes work on what was asked for before it is needed.

    After the instant `until` of the monotonic clock, nothing is begun or waited for.
    """

    def __init__(self, trace: Trace, processes: int, until: float = math.inf) -> None:
        self.trace = trace
        self._until = until
        self._workers = executor(processes)
        self._asked: dict[tuple[Case, int], Future[Seen]] = {}
        self._runs: dict[Case, list[Run]] = {}
        self._yardsticks: dict[tuple[float, Setting], list[Yardstick]] = {}
        self._always_on: dict[int, list[array[float]]] = {}

    def __enter__(self) -> "Runs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._workers.shutdown(cancel_futures=True)

    def ask(self, cases: Iterable[Case]) -> None:
        """Hands cases to the workers, the largest pools first."""
        if time.monotonic() >= self._until:
            return
        missing = [
            (case, number)
            for case in dict.fromkeys(cases)
            if case not in self._runs
            for number in range(len(self.trace.pools))
            if (case, number) not in self._asked
        ]
        for case, number in sorted(missing, key=lambda job: -len(self.trace.pools[job[1]])):
            pool = self.trace.pools[number]
            self._asked[case, number] = self._workers.submit(replay, case, pool, self.trace.ends_at)

    def of(self, case: Case) -> list[Run]:
        """Every pool under a case."""
        if case not in self._runs:
            self.ask([case])
            always_on = self._waits_when_always_on(case.setting)
            self._runs[case] = [
                Run(pool, case.setting, self._seen(case, number), always_on[number])
                for number, pool in enumerate(self.trace.pools)
            ]
        return self._runs[case]

    def total(self, case: Case) -> Total:
        """All pools under a case."""
        runs = self.of(case)
        budget = case.setting.budget_seconds
        return Total(
            requests=self.trace.requests,
            hours=sum(run.hours for run in runs),
            late=sum(late_in(run.seen.outcome.waits, budget) for run in runs),
            avoidable=sum(run.late_since()[0] for run in runs),
        )

    def optimum_hours(self, case: Case) -> float:
        """What the optimum, or its lower bound, costs; it does not depend on how Poolkeeper is set."""
        own = Setting(budget_seconds=case.setting.budget_seconds)
        setting = replace(
            case.setting,
            start=own.start,
            objective_percent=own.objective_percent,
            disturbance=own.disturbance,
        )
        mean = case.start_times.mean_seconds
        if (mean, setting) not in self._yardsticks:
            self._yardsticks[mean, setting] = [
                yardstick(pool, self.trace.ends_at, setting, case.start_times) for pool in self.trace.pools
            ]
        return sum(found.best.accelerator_seconds for found in self._yardsticks[mean, setting]) / 3600

    def frontier(self, policy: str, case: Case, pools: Sequence[PoolTrace]) -> list[Point]:
        """What a policy that knows these pools costs on all of them, for any number of late requests."""
        knowing = parse_policy(policy)
        asked = [
            self._workers.submit(frontier, pool, self.trace.ends_at, case.setting, case.start_times, knowing)
            for pool in pools
        ]
        frontiers = [self._waited(each) for each in asked]
        return added(frontiers)

    def _seen(self, case: Case, number: int) -> Seen:
        if time.monotonic() >= self._until:
            raise OutOfTime
        return self._waited(self._asked.pop((case, number)))

    def _waited(self, asked: "Future[Answer]") -> Answer:
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutOfTime
        try:
            return asked.result(timeout=None if math.isinf(left) else left)
        except TimeoutError as error:
            raise OutOfTime from error

    def _waits_when_always_on(self, setting: Setting) -> list["array[float]"]:
        slots = setting.max_replicas * setting.concurrency
        if slots not in self._always_on:
            self._always_on[slots] = [waits_when_always_on(pool, slots) for pool in self.trace.pools]
        return self._always_on[slots]


def executor(processes: int) -> Executor:
    """Other processes; a single one is this one, since another would take longer to start."""
    return ProcessPoolExecutor(processes, get_context("spawn")) if processes > 1 else ThreadPoolExecutor(1)


def replay(case: Case, requests: PoolTrace, ends_at: float) -> Seen:
    """One pool of a trace that ends at the given instant; runs in a worker."""
    if case.policy != POOLKEEPER:
        policy = parse_policy(case.policy)
        return Seen(replayed(requests, ends_at, case.setting, case.start_times, policy))
    ours = Watched(case.setting)
    outcome = Replay(requests, case.setting, case.start_times, ours, ends_at=ends_at).run()
    attainable = ours.last_decision.budget_attainable.holds if ours.last_decision else None
    return Seen(outcome, attainable, ours.blind, ours.lowered_blind)


def share(late: Sequence[tuple[int, int]]) -> tuple[float, int]:
    """Percent of requests that were late, and how many requests there are, from counts of several pools."""
    requests = sum(of for _, of in late)
    return (100 * sum(count for count, _ in late) / requests if requests else 0.0), requests
