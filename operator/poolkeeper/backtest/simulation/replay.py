"""Replays the requests of one pool against a controller, event by event.

The queue is first in, first out. A replica takes requests from the moment it is ready, `concurrency` at a
time; the oldest ready replica with a free slot takes the next request. A lower number of replicas removes
starting replicas first, the youngest before the others, as Kubernetes does. Then it removes ready ones, the
least busy first: a busy replica finishes its work before it terminates. Without draining, which not every
workload has, the one that became ready last goes first, as Kubernetes does, and its requests are lost: they
have been taken off a plain list, and nobody serves them again.

The pools of a trace end together: until the last request of any pool has come, a pool without requests is
still decided for and its replicas are still paid for.
"""

import heapq
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes, random_numbers
from poolkeeper.backtest.traces.trace import PoolTrace
from poolkeeper.core.baselines.controller import NEVER, Controller, Peer
from poolkeeper.core.baselines.replica import Replica

AFTERMATH_SECONDS = 7_200.0
"""A replay ends this long after the trace and the budget at the latest: longer than the cooldown of any peer.
"""


@dataclass(slots=True)
class Outcome:
    """The result of one replay of one pool; `waits` has the seconds of each request, in order of arrival.

    A request that nobody served, because no replica took it or its replica was stopped, has waited until the
    latest end of the replay, which is later than any budget.
    """

    waits: "array[float]" = field(default_factory=lambda: array("d"))
    accelerator_seconds: float = 0.0
    busy_seconds: float = 0.0
    lost: int = 0
    """Requests whose replica was stopped while it worked on them."""
    cold_starts: int = 0
    scale_actions: int = 0
    max_replicas: int = 0
    ended_at: float = 0.0
    replicas_over_time: list[tuple[float, int, int]] = field(default_factory=list)
    unattainable: str = ""
    """What Poolkeeper says at the end in the condition BudgetAttainable, if that is False."""


class Replay:
    """One pool while it is being replayed; its controller sees it as a `Pool`, to read only."""

    def __init__(
        self,
        trace: PoolTrace,
        setting: Setting,
        start_times: StartTimes,
        controller: Controller,
        *,
        ends_at: float = 0.0,
    ) -> None:
        self.setting = setting
        self.controller = controller
        self.head = 0
        self.tail = 0
        self.completed = 0
        self.desired = setting.min_replicas
        self.ready = 0
        self.starting: list[Replica] = []
        self.newly_ready: list[Replica] = []
        self.outcome = Outcome(max_replicas=setting.min_replicas)
        self._arrivals: Sequence[float] = trace.arrivals.tolist()
        self._services: Sequence[float] = trace.services.tolist()
        self._is_drained = setting.drains or (isinstance(controller, Peer) and controller.drains_itself)
        self._ends_at = max(ends_at, trace.arrivals[-1])
        self._start_times = start_times
        self._random = random_numbers(setting.seed, trace.name)
        self._numbered = 0
        self._started = 0
        self._start_seconds = 0.0
        self._replicas: list[Replica] = []
        self._serving: list[Replica] = []
        self._free: list[tuple[int, Replica]] = []
        self._completions: list[tuple[float, int, Replica]] = []
        self._terminations: list[float] = []
        self._write: tuple[float, int] = (NEVER, 0)
        self._load = 0.0
        self._load_at = 0.0
        self._busy_replicas = 0
        self._busy_at = 0.0
        for _ in range(setting.min_replicas):
            self._make_ready(self._new_replica(0.0, 0.0), 0.0)

    @property
    def queued(self) -> int:
        return self.tail - self.head

    @property
    def in_flight(self) -> int:
        return self.head - self.completed - self.outcome.lost

    @property
    def mean_start_seconds(self) -> float | None:
        return self._start_seconds / self._started if self._started else None

    def load_integral(self, now: float) -> float:
        return self._load + (self.queued + self.in_flight) * (now - self._load_at)

    def terminating(self, now: float) -> int:
        while self._terminations and self._terminations[0] <= now:
            heapq.heappop(self._terminations)
        return len(self._terminations) + sum(replica.is_stopping for replica in self._replicas)

    def run(self) -> Outcome:
        """Replays the trace, and goes on until the pool is back at its minimum of replicas."""
        controller, completions, starting = self.controller, self._completions, self.starting
        arrivals, requests = self._arrivals, len(self._arrivals)
        latest = self._latest()
        next_arrival = arrivals[0]
        now = 0.0
        while True:
            completes = completions[0][0] if completions else NEVER
            becomes_ready = starting[0].ready_at if starting else NEVER
            now_or_later = min(next_arrival, completes, becomes_ready, self._write[0], controller.wake_at)
            if now_or_later > latest or (now_or_later > self._ends_at and self._is_over(now_or_later)):
                break
            now = max(now, now_or_later)
            if completes == now_or_later:
                self._complete(now)
            elif becomes_ready == now_or_later:
                self._become_ready(now)
            elif self._write[0] == now_or_later:
                self._scale(now, self._write[1])
            elif next_arrival == now_or_later:
                self._arrive(now)
                next_arrival = arrivals[self.tail] if self.tail < requests else NEVER
            else:
                self._decide(now)
        return self._close(now)

    def _latest(self) -> float:
        return self._ends_at + self.setting.budget_seconds + AFTERMATH_SECONDS

    def _is_over(self, next_event: float) -> bool:
        if self.queued or self.in_flight or self._write[0] != NEVER:
            return False
        return next_event == NEVER or self.desired <= self.setting.min_replicas

    def _requests_changed(self, now: float) -> None:
        self.controller.wake_at = min(self.controller.wake_at, self.controller.sees_requests_at(now))

    def _replicas_changed(self, now: float) -> None:
        self.controller.wake_at = min(self.controller.wake_at, self.controller.sees_replicas_at(now))

    def _count_load(self, now: float) -> None:
        self._load += (self.queued + self.in_flight) * (now - self._load_at)
        self._load_at = now

    def _arrive(self, now: float) -> None:
        self._count_load(now)
        self.tail += 1
        self._requests_changed(now)
        if self._free:
            self._take(now)

    def _take(self, now: float) -> None:
        """Gives waiting requests to free slots, oldest request and oldest replica first."""
        free, waits, arrivals, services = self._free, self.outcome.waits, self._arrivals, self._services
        concurrency = self.setting.concurrency
        while free and self.head < self.tail:
            replica = free[0][1]
            if replica.is_stopping or replica.busy >= concurrency:
                heapq.heappop(free)
                replica.is_listed = False
                continue
            if replica.busy == 0:
                self._count_busy(now, 1)
            replica.busy += 1
            waits.append(now - arrivals[self.head])
            heapq.heappush(self._completions, (now + services[self.head], self.head, replica))
            self.head += 1

    def _complete(self, now: float) -> None:
        self._count_load(now)
        _, _, replica = heapq.heappop(self._completions)
        self.completed += 1
        replica.busy -= 1
        self._requests_changed(now)
        if replica.busy == 0:
            self._count_busy(now, -1)
            if replica.is_stopping:
                self._terminate(replica, now)
        if not replica.is_stopping:
            self._list_free(replica)
            self._take(now)

    def _count_busy(self, now: float, change: int) -> None:
        self.outcome.busy_seconds += self._busy_replicas * (now - self._busy_at)
        self._busy_replicas += change
        self._busy_at = now

    def _list_free(self, replica: Replica) -> None:
        if not replica.is_listed:
            replica.is_listed = True
            heapq.heappush(self._free, (replica.number, replica))

    def _become_ready(self, now: float) -> None:
        replica = self.starting.pop(0)
        self._started += 1
        self._start_seconds += now - replica.asked_at
        self.newly_ready.append(replica)
        self._make_ready(replica, now)
        self._take(now)
        self._replicas_changed(now)
        self._requests_changed(now)

    def _make_ready(self, replica: Replica, now: float) -> None:
        self.ready += 1
        self._serving.append(replica)
        self._list_free(replica)
        self._note(now)

    def _decide(self, now: float) -> None:
        wanted = self.controller.step(now, self)
        self.newly_ready.clear()
        wanted = min(max(wanted, self.setting.min_replicas), self.setting.max_replicas)
        written = self._write[1] if self._write[0] != NEVER else self.desired
        if wanted != written:
            self._write = (now + self.setting.write_seconds, wanted)

    def _scale(self, now: float, replicas: int) -> None:
        self._write = (NEVER, 0)
        if replicas == self.desired:
            return
        self.outcome.scale_actions += 1
        for _ in range(replicas - self.desired):
            self._start(now)
        for _ in range(self.desired - replicas):
            self._stop_one(now)
        self.desired = replicas
        self.outcome.max_replicas = max(self.outcome.max_replicas, replicas)
        self._note(now)
        self._replicas_changed(now)

    def _new_replica(self, asked_at: float, ready_at: float) -> Replica:
        self._numbered += 1
        replica = Replica(self._numbered, asked_at, ready_at)
        self._replicas.append(replica)
        return replica

    def _start(self, now: float) -> None:
        seconds = self._start_times.draw(self._random, self.outcome.cold_starts)
        replica = self._new_replica(now, now + seconds)
        self.outcome.cold_starts += 1
        self.starting.append(replica)
        self.starting.sort(key=attrgetter("ready_at"))

    def _stop_one(self, now: float) -> None:
        if self.starting:
            replica = max(self.starting, key=attrgetter("asked_at"))
            self.starting.remove(replica)
        else:
            youngest_first = reversed(self._serving)
            replica = (
                min(youngest_first, key=attrgetter("busy")) if self._is_drained else next(youngest_first)
            )
            self._serving.remove(replica)
            self.ready -= 1
            if replica.busy and not self._is_drained:
                self._lose_work(replica, now)
        replica.is_stopping = True
        if replica.busy == 0:
            self._terminate(replica, now)

    def _lose_work(self, replica: Replica, now: float) -> None:
        self._count_load(now)
        for _, index, at_work in self._completions:
            if at_work is replica:
                self.outcome.waits[index] = self._latest() - self._arrivals[index]
        self._completions[:] = [each for each in self._completions if each[2] is not replica]
        heapq.heapify(self._completions)
        self.outcome.lost += replica.busy
        replica.busy = 0
        self._count_busy(now, -1)
        self._requests_changed(now)

    def _terminate(self, replica: Replica, now: float) -> None:
        gone_at = now + self.setting.termination_seconds
        self._replicas.remove(replica)
        heapq.heappush(self._terminations, gone_at)
        self.outcome.accelerator_seconds += gone_at - replica.asked_at

    def _note(self, now: float) -> None:
        self.outcome.replicas_over_time.append((now, self.desired, self.ready))

    def _close(self, now: float) -> Outcome:
        """Charges replicas that still run; requests that no replica took have waited until the latest end."""
        outcome = self.outcome
        now = max(now, self._ends_at)
        self._count_busy(now, 0)
        for replica in self._replicas:
            outcome.accelerator_seconds += now - replica.asked_at
        for index in range(self.head, len(self._arrivals)):
            outcome.waits.append(self._latest() - self._arrivals[index])
        outcome.ended_at = now
        return outcome
