"""Policies made of an idle timeout: fixed, ski rental, hybrid histogram, static, and always on.

All of them read the queue as often as Poolkeeper. All but `static` start at once, one replica for each
`concurrency` requests that wait or are worked on. Ski rental keeps an idle replica for as long as a start
takes, which costs at most twice the optimum.
"""

import math
from collections import deque

from poolkeeper.core.baselines.controller import NEVER, TICK, Peer, Pool, next_tick


class AlwaysOn(Peer):
    """Every replica, always."""

    def __init__(self, ceiling: int) -> None:
        self.wake_at = 0.0
        self._replicas = ceiling

    def sees_requests_at(self, now: float) -> float:
        """Never: nothing depends on them."""
        return NEVER

    def step(self, now: float, pool: Pool) -> int:
        self.wake_at = NEVER
        return self._replicas


class FixedIdle(Peer):
    """Replicas that were not needed for `idle` seconds stop."""

    def __init__(self, *, idle: float, concurrency: int, ceiling: int, poll: float) -> None:
        self._idle = idle
        self._concurrency = concurrency
        self._ceiling = ceiling
        self._poll = poll
        self._previous_need = 0
        self._arrived = 0
        self._kept: deque[tuple[float, int]] = deque()
        """Replicas to keep, each until the instant given: instants rise and replicas fall from left to right.
        """

    def sees_requests_at(self, now: float) -> float:
        return next_tick(now, self._poll)

    def step(self, now: float, pool: Pool) -> int:
        need = min(self._ceiling, math.ceil((pool.queued + pool.in_flight) / self._concurrency))
        came_and_went = need == 0 and pool.tail > self._arrived
        self._arrived = pool.tail
        self._keep(max(self._previous_need, 1 if came_and_went else 0), need, now + self.idle_seconds(pool))
        self._previous_need = need
        while self._kept and self._kept[0][0] <= now + TICK:
            self._kept.popleft()
        self.wake_at = next_tick(self._kept[0][0], self._poll) if self._kept else NEVER
        return max(need, self._kept[0][1] if self._kept else 0)

    def idle_seconds(self, pool: Pool) -> float:
        return self._idle

    def _keep(self, before: int, need: int, until: float) -> None:
        """Notes that `before` replicas were needed until now, unless as many are still needed."""
        while self._kept and self._kept[-1][1] <= max(before, need):
            self._kept.pop()
        if before > need:
            self._kept.append((until, before))


class SkiRental(FixedIdle):
    """Idles for as long as a start has cost so far on average, termination included."""

    def __init__(
        self, *, prior: float, termination: float, concurrency: int, ceiling: int, poll: float
    ) -> None:
        super().__init__(idle=prior + termination, concurrency=concurrency, ceiling=ceiling, poll=poll)
        self._prior = prior
        self._termination = termination

    def idle_seconds(self, pool: Pool) -> float:
        """The mean start seen, or the prior."""
        mean = pool.mean_start_seconds
        return self._termination + (self._prior if mean is None else mean)


class Static(Peer):
    """One replica by three constants: what hindsight chooses from.

    It starts `delay` seconds after a request was seen to wait, and stops after `idle` seconds without one.

    The start comes `service` seconds earlier for every request that waits before another one. Example: with a
    delay of 60 s and a service of 10 s, a fourth request that comes 20 s after the first one makes the start
    due 20 + 60 - 3 × 10 = 50 s after the first one.
    """

    def __init__(self, *, idle: float, delay: float, service: float, poll: float) -> None:
        self._idle = idle
        self._delay = delay
        self._service = service
        self._poll = poll
        self._arrived = 0
        self._completed = 0
        self._due_at = NEVER
        self._stop_at = NEVER
        self._is_up = False

    def sees_requests_at(self, now: float) -> float:
        return next_tick(now, self._poll)

    def step(self, now: float, pool: Pool) -> int:
        if self._is_up:
            self._idle_or_stop(now, pool)
        else:
            self._wait_or_start(now, pool)
        self._arrived, self._completed = pool.tail, pool.completed
        self.wake_at = min(self._due_at, self._stop_at)
        return int(self._is_up)

    def _wait_or_start(self, now: float, pool: Pool) -> None:
        """A replica that ends its work while it stops takes no more: only requests that wait count."""
        if pool.queued and pool.tail > self._arrived:
            self._due_at = min(self._due_at, now + self._delay - (pool.queued - 1) * self._service)
        if self._due_at <= now + TICK:
            self._is_up, self._due_at = True, NEVER

    def _idle_or_stop(self, now: float, pool: Pool) -> None:
        if pool.queued or pool.in_flight:
            self._stop_at = NEVER
        elif self._stop_at == NEVER or pool.completed > self._completed:
            self._stop_at = next_tick(now + self._idle, self._poll)
        if self._stop_at <= now + TICK:
            self._is_up, self._stop_at = False, NEVER
