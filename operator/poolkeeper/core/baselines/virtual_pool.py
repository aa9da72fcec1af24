"""A pool that exists only in numbers: the requests that a real pool gets, under another autoscaler.

It is the backtest's replay as far as a bill needs it, made for requests that come as time goes on: replicas
and requests are counts, and starts and requests take what they usually take in the real pool.
"""

import heapq
import math
from collections import deque
from typing import NamedTuple

from poolkeeper.core.baselines.controller import NEVER, Controller
from poolkeeper.core.baselines.replica import Replica

WRITE_SECONDS = 0.1
"""From a decision until the written number of replicas takes effect, as in the backtest."""
TERMINATION_SECONDS = 5.0
"""For how long after its last request a stopped replica holds its accelerators, as in the backtest."""
MOST_GROUPS = 256
"""Of requests that came, or will be done, together; beyond that, the latest are counted as one."""
MOST_EVENTS = 20_000
"""In one call; a model that asks for more is not followed any further, but paid for as it is."""


class Usual(NamedTuple):
    """How the real pool behaves at present."""

    concurrency: int
    start_seconds: float
    service_seconds: float
    tail_seconds: float


class VirtualPool:
    """One pool under one model; the model sees it as a `Pool`. Instants are seconds since it began."""

    def __init__(self, controller: Controller, floor: int, ceiling: int) -> None:
        self.controller = controller
        self.desired = self.ready = floor
        self.queued = self.in_flight = self.tail = self.completed = 0
        self.paid = 0.0
        """Replica-seconds so far, those of starts, of terminations and of node tails included."""
        self.paid_until = 0.0
        """The last instant at which anything was paid for."""
        self.newly_ready: tuple[Replica, ...] = ()
        self.mean_start_seconds: float | None = None
        self._floor, self._ceiling = floor, ceiling
        self._now = self._load = 0.0
        self._completions: list[tuple[float, int]] = []
        self._starts: deque[float] = deque()
        self._tails: deque[tuple[float, int]] = deque()
        self._write: tuple[float, int] = (NEVER, 0)
        self._held = floor
        self._usual = Usual(1, 0.0, 0.0, 0.0)

    @property
    def head(self) -> int:
        """Requests taken so far."""
        return self.tail - self.queued

    @property
    def starting(self) -> tuple[Replica, ...]:
        """Not shown: the models here do not look at single replicas."""
        return ()

    def terminating(self, now: float) -> int:
        """Not shown either."""
        return 0

    def load_integral(self, now: float) -> float:
        """Request-seconds spent waiting or being worked on."""
        return self._load + (self.queued + self.in_flight) * (now - self._now)

    @property
    def is_at_rest(self) -> bool:
        """Whether it has no work and no replica beyond its floor, and nothing is paid for beside that."""
        is_empty = not (self.queued or self.in_flight or self._starts or self._tails)
        return is_empty and self.desired == self.ready == self._floor and self._write[0] == NEVER

    def offer(self, at: float, requests: int, usual: Usual) -> None:
        """So many requests have come by now."""
        self.run(at)
        self._usual = usual
        if requests > 0:
            self.tail += requests
            self.queued += requests
            self._requests_changed()
            self._take()

    def run(self, until: float) -> None:
        """Follow the pool until this instant."""
        for _ in range(MOST_EVENTS):
            at = self._next()
            if at > until or (self.is_at_rest and self.controller.wake_at > until):
                break
            self._pay(max(at, self._now))
            self._happen(at)
        self._pay(max(until, self._now))

    def _next(self) -> float:
        completes = self._completions[0][0] if self._completions else NEVER
        starts = self._starts[0] if self._starts else NEVER
        return min(completes, starts, self._write[0], self.controller.wake_at)

    def _happen(self, at: float) -> None:
        """The first of what is due at this instant, in the backtest's order."""
        if self._completions and self._completions[0][0] <= at:
            _, requests = heapq.heappop(self._completions)
            self.in_flight -= requests
            self.completed += requests
            self._requests_changed()
            self._take()
        elif self._starts and self._starts[0] <= at:
            self._starts.popleft()
            self.ready += 1
            self._take()
            self._requests_changed()
        elif self._write[0] <= at:
            self._scale(self._write[1])
        else:
            self._decide()
        self._hold()

    def _decide(self) -> None:
        wanted = min(max(self.controller.step(self._now, self), self._floor), self._ceiling)
        written = self._write[1] if self._write[0] != NEVER else self.desired
        if wanted != written:
            self._write = (self._now + WRITE_SECONDS, wanted)

    def _scale(self, replicas: int) -> None:
        self._write = (NEVER, 0)
        for _ in range(replicas - self.desired):
            self._starts.append(max(self._now + self._usual.start_seconds, self._latest_start()))
        for _ in range(self.desired - replicas):
            if self._starts:
                self._starts.pop()
            elif self.ready:
                self.ready -= 1
        self.desired = replicas

    def _latest_start(self) -> float:
        """Starts end in the order in which they began."""
        return self._starts[-1] if self._starts else 0.0

    def _take(self) -> None:
        """Free slots take what waits."""
        free = self.ready * self._usual.concurrency - self.in_flight
        taken = min(free, self.queued)
        if taken <= 0:
            return
        self.queued -= taken
        self.in_flight += taken
        done_at = self._now + self._usual.service_seconds
        if len(self._completions) >= MOST_GROUPS:
            last_at, requests = self._completions.pop()
            taken, done_at = taken + requests, max(done_at, last_at)
        heapq.heappush(self._completions, (done_at, taken))

    def _requests_changed(self) -> None:
        controller = self.controller
        controller.wake_at = min(controller.wake_at, controller.sees_requests_at(self._now))

    def _hold(self) -> None:
        """Note replicas that have gone, whose nodes are paid for longer, or that take such a node."""
        working = math.ceil(self.in_flight / self._usual.concurrency)
        held = max(self.ready, working) + len(self._starts)
        if held < self._held:
            until = self._now + TERMINATION_SECONDS + self._usual.tail_seconds
            self._tails.append((until, self._held - held))
            if len(self._tails) > MOST_GROUPS:
                _, replicas = self._tails.popleft()
                self._tails[0] = (self._tails[0][0], self._tails[0][1] + replicas)
        for _ in range(held - self._held):
            self._take_node()
        self._held = held

    def _take_node(self) -> None:
        """A new replica takes the node of one that has terminated."""
        for place in range(len(self._tails) - 1, -1, -1):
            until, replicas = self._tails[place]
            if until - self._usual.tail_seconds <= self._now < until:
                self._tails[place] = (until, replicas - 1)
                return

    def _pay(self, at: float) -> None:
        """Count from the last instant until this one."""
        seconds = at - self._now
        self._load += (self.queued + self.in_flight) * seconds
        if self._held or self._tails:
            self.paid_until = at
        self.paid += self._held * seconds
        for until, replicas in self._tails:
            self.paid += replicas * max(0.0, min(until, at) - self._now)
        while self._tails and self._tails[0][0] <= at:
            self._tails.popleft()
        self._now = at
