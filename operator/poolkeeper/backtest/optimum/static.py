"""What rules of three constants cost on one pool: many rules at once, with the same result as a replay.

`controllers.timeouts.Static` is the rule. Each step below takes one request through all rules, as arrays with
one value for each rule and each seed of the start times, so that a grid of a thousand rules costs a few
replays. For one replica that works on one request at a time. All instants are those of `simulation.replay`,
from the poll that sees a request to the end of the termination.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolkeeper.backtest.simulation.replay import AFTERMATH_SECONDS
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes, random_numbers
from poolkeeper.backtest.simulation.waits import ROUNDING_SECONDS
from poolkeeper.backtest.traces.trace import PoolTrace
from poolkeeper.core.baselines.controller import TICK

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """The three constants of each rule, in seconds."""

    idle: Seconds
    delay: Seconds
    service: Seconds


class Grid:
    """One pool under every rule, request by request: the results are means over the seeds."""

    def __init__(
        self,
        requests: PoolTrace,
        setting: Setting,
        start_times: StartTimes,
        rules: Rules,
        *,
        ends_at: float = 0.0,
        seeds: Sequence[int] = (0,),
    ) -> None:
        sets, number = len(seeds), len(seeds) * len(rules.idle)
        self._sets = sets
        self._late = np.zeros(number, dtype=np.int64)
        self._paid = np.zeros(number)
        self._delay, self._service = np.tile(rules.delay, sets), np.tile(rules.service, sets)
        self._setting = setting
        self._arrivals: Sequence[float] = requests.arrivals.tolist()
        self._services: Sequence[float] = requests.services.tolist()
        self._seen_at: Sequence[float] = self._polled(np.array(requests.arrivals)).tolist()
        self._ends_at = max(ends_at, self._arrivals[-1])
        self._draws = _Draws(start_times, seeds, requests.name)
        self._set = np.repeat(np.arange(sets), len(rules.idle))
        self._idle = np.tile(self._polled(rules.idle), sets)
        self._starts = np.zeros(number, dtype=np.int64)
        self._free_at = np.full(number, -np.inf)
        self._busy_until = np.full(number, -np.inf)
        """Later than `_free_at` while a replica that was stopped ends its work beside a new one."""
        self._stop_at = np.full(number, -np.inf)
        """When the replica is going to be stopped if no request is seen before; the write comes later."""

    @property
    def late(self) -> Seconds:
        """Requests that wait longer than the budget, under each rule."""
        found: Seconds = self._late.reshape(self._sets, -1).mean(axis=0)
        return found

    @property
    def accelerator_seconds(self) -> Seconds:
        """What each rule costs."""
        found: Seconds = self._paid.reshape(self._sets, -1).mean(axis=0)
        return found

    def run(self) -> "Grid":
        """Takes all requests; returns itself."""
        budget, write = self._setting.budget_seconds + ROUNDING_SECONDS, self._setting.write_seconds
        for index, (arrival, service) in enumerate(zip(self._arrivals, self._services, strict=True)):
            taken_at = np.maximum(self._free_at, arrival)
            is_up = self._stop_at + TICK >= arrival
            is_last = None
            if not is_up.all():
                is_last = ~is_up & (taken_at < self._stop_at + write)
                begins = np.flatnonzero(~(is_up | is_last))
                if len(begins):
                    taken_at[begins] = self._start(index, begins)
            self._late += taken_at - arrival > budget
            self._free_at = taken_at + service
            self._busy_until = np.maximum(self._busy_until, self._free_at)
            stop_at = self._polled(self._busy_until) + self._idle
            self._stop_at = stop_at if is_last is None else np.where(is_last, self._stop_at, stop_at)
        self._close()
        return self

    def _start(self, index: int, rules: NDArray[np.intp]) -> Seconds:
        """Starts a replica for a request under some of the rules; returns when it is ready."""
        self._pay_until_gone(rules[self._starts[rules] > 0])
        asked_at = self._due_at(index, rules) + self._setting.write_seconds
        self._paid[rules] -= asked_at
        numbers = self._starts[rules]
        ready_at: Seconds = asked_at + self._draws.upto(int(numbers.max()))[self._set[rules], numbers]
        self._starts[rules] += 1
        return ready_at

    def _due_at(self, index: int, rules: NDArray[np.intp]) -> Seconds:
        """When the start for a request is asked for; requests that are seen before may make it earlier."""
        delay, service = self._delay[rules], self._service[rules]
        due_at = self._seen_at[index] + delay
        if not service.any():
            return due_at
        for later in range(index + 1, len(self._arrivals)):
            seen_at = self._seen_at[later]
            is_open = seen_at <= due_at + TICK
            if not is_open.any():
                break
            earlier = np.maximum(np.minimum(due_at, seen_at + delay - (later - index) * service), seen_at)
            due_at = np.where(is_open, earlier, due_at)
        return due_at

    def _pay_until_gone(self, rules: NDArray[np.intp]) -> None:
        stopped_at = self._stop_at[rules] + self._setting.write_seconds
        gone_at = np.maximum(stopped_at, self._free_at[rules]) + self._setting.termination_seconds
        self._paid[rules] += gone_at

    def _close(self) -> None:
        """A replica that is not stopped before the replay ends is paid for until the last event."""
        latest = self._ends_at + self._setting.budget_seconds + AFTERMATH_SECONDS
        stops = self._stop_at <= latest
        self._pay_until_gone(np.flatnonzero(stops))
        last_at = np.maximum(np.minimum(self._polled(self._busy_until), latest), self._ends_at)
        self._paid += np.where(stops, 0.0, last_at)

    def _polled(self, instants: Any) -> Seconds:
        """The first poll that is not before each instant."""
        poll = self._setting.poll_seconds
        found: Seconds = np.ceil(instants / poll - TICK / poll) * poll
        return found


class _Draws:
    """The start times that replays of the pool draw, for each seed as many as are needed."""

    def __init__(self, start_times: StartTimes, seeds: Sequence[int], pool: str) -> None:
        self._start_times = start_times
        self._numbers = [random_numbers(seed, pool) for seed in seeds]
        self._drawn: list[list[float]] = [[] for _ in seeds]
        self._table = np.zeros((len(seeds), 0))

    def upto(self, number: int) -> Seconds:
        """Per seed at least the first `number` + 1 of them."""
        known = self._table.shape[1]
        if known <= number:
            for numbers, drawn in zip(self._numbers, self._drawn, strict=True):
                more = range(known, max(64, 2 * known, number + 1))
                drawn.extend(self._start_times.draw(numbers, each) for each in more)
            self._table = np.array(self._drawn)
        return self._table
