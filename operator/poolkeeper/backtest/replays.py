"""Replays pools, in this process or spread over several."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.registry import ALWAYS_ON, Policy
from poolkeeper.backtest.figures import Yardstick
from poolkeeper.backtest.optimum.choice import optimum
from poolkeeper.backtest.simulation.controller import Controller, Pool
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Replayed:
    """One policy on one pool."""

    outcome: Outcome
    decisions: int
    seconds_deciding: float


def replayed(
    requests: PoolTrace, ends_at: float, setting: Setting, start_times: StartTimes, policy: Policy
) -> Replayed:
    """One pool of a trace that ends at the given instant under one policy."""
    if policy.name == ALWAYS_ON:
        setting = replace(setting, min_replicas=setting.max_replicas)
    controller = policy.controller(setting, requests.name)
    timed = controller if isinstance(controller, Poolkeeper) else _Timed(controller)
    outcome = Replay(requests, setting, start_times, timed, ends_at=ends_at).run()
    return Replayed(outcome, timed.decisions, timed.seconds_deciding)


def yardstick(requests: PoolTrace, ends_at: float, setting: Setting, start_times: StartTimes) -> Yardstick:
    """The optimum of one pool of a trace that ends at the given instant, and what no policy could avoid."""
    always_on = waits_when_always_on(requests, setting.max_replicas * setting.concurrency)
    best = optimum(requests, setting, start_times.mean_seconds, always_on, ends_at)
    return Yardstick(best, late_in(always_on, setting.budget_seconds))


class _Timed:
    """Counts the decisions of a peer and the time that they take."""

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


class Workers:
    """Works on jobs in other processes; a single process is this one, which works when a result is needed."""

    def __init__(self, processes: int) -> None:
        self._executor = ProcessPoolExecutor(processes, get_context("spawn")) if processes > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._executor:
            self._executor.shutdown(cancel_futures=True)

    def submit(self, work: Callable[..., R], *arguments: Any) -> "Future[R]":
        """A job; the first that is submitted is the first to be worked on."""
        return self._executor.submit(work, *arguments) if self._executor else _Job(work, arguments)

    def finished(self, jobs: Sequence["Future[R]"]) -> Iterator["Future[R]"]:
        """The jobs in the order in which they end."""
        return as_completed(jobs) if self._executor else iter(jobs)


class _Job(Future[R]):
    """A job that is worked on when its result is asked for."""

    def __init__(self, work: Callable[..., R], arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self._work = work
        self._arguments = arguments

    def result(self, timeout: float | None = None) -> R:
        """What the work returned; the time limit is not kept, since nothing can interrupt the work."""
        if not self.done():
            self.set_result(self._work(*self._arguments))
        return super().result(timeout)
