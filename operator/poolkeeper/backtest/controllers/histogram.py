"""The hybrid histogram of Shahrad et al. (ATC'20), with the parameters that dslab-faas' model of it uses.

Idle times fall into 60 s bins up to 4 h. Where the bins are certain (the coefficient of variation of their
counts is 2 or more) the pool stops at once, starts again at 0.9 × the 5th percentile and stays until 1.1 ×
the end of the 99th percentile's bin. Where at least half of the idle times lie beyond the range, a forecast
of the next idle time replaces it: start at 0.85 ×, stay for 0.30 ×. Otherwise the pool is kept for the whole
range. The forecast is an exponentially weighted mean, the simplest member of the ARIMA models that they use.
"""

import math
from dataclasses import dataclass

from poolkeeper.core.baselines.controller import NEVER, TICK, Peer, Pool, next_tick

BIN_SECONDS = 60.0
HEAD, TAIL, MARGIN = 0.05, 0.99, 0.1
CERTAIN_CV = 2.0
OUT_OF_RANGE_SHARE = 0.5
FORECAST_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds after the pool went idle: when to have a replica again, and until when to keep it."""

    start: float
    keep_until: float


class IdleTimes:
    """The histogram of one pool's idle times."""

    def __init__(self, range_seconds: float) -> None:
        self._range = range_seconds
        self._counts = [0] * round(range_seconds / BIN_SECONDS)
        self._beyond = 0
        self._forecast: float | None = None

    def add(self, seconds: float) -> None:
        number = int(seconds / BIN_SECONDS)
        if number < len(self._counts):
            self._counts[number] += 1
        else:
            self._beyond += 1
        mean = seconds if self._forecast is None else self._forecast
        self._forecast = mean + FORECAST_WEIGHT * (seconds - mean)

    def plan(self) -> Plan:
        """What to do when the pool goes idle now."""
        within = sum(self._counts)
        total = within + self._beyond
        if total and self._beyond / total >= OUT_OF_RANGE_SHARE and self._forecast is not None:
            start = 0.85 * self._forecast
            return Plan(start, start + 0.30 * self._forecast)
        if within and self._is_certain(within):
            head = self._percentile(HEAD, within) * BIN_SECONDS * (1 - MARGIN)
            return Plan(head, (self._percentile(TAIL, within) + 1) * BIN_SECONDS * (1 + MARGIN))
        return Plan(0.0, self._range)

    def _is_certain(self, within: int) -> bool:
        mean = within / len(self._counts)
        variance = sum((count - mean) ** 2 for count in self._counts) / len(self._counts)
        return math.sqrt(variance) / mean >= CERTAIN_CV

    def _percentile(self, share: float, within: int) -> int:
        reached = 0
        for number, count in enumerate(self._counts):
            reached += count
            if reached >= share * within:
                return number
        return len(self._counts) - 1


class HybridHistogram(Peer):
    """Keeps or prewarms one replica by the histogram; more replicas only while requests need them."""

    def __init__(self, *, range_seconds: float, concurrency: int, ceiling: int, poll: float) -> None:
        self._concurrency = concurrency
        self._ceiling = ceiling
        self._poll = poll
        self._idle_times = IdleTimes(range_seconds)
        self._idle_since: float | None = None
        self._arrived = 0
        self._plan = Plan(0.0, 0.0)

    def sees_requests_at(self, now: float) -> float:
        return next_tick(now, self._poll)

    def step(self, now: float, pool: Pool) -> int:
        load = pool.queued + pool.in_flight
        self._count_idle(now, pool, load)
        if load:
            self.wake_at = NEVER
            return min(self._ceiling, math.ceil(load / self._concurrency))
        return self._follow_plan(now)

    def _count_idle(self, now: float, pool: Pool, load: int) -> None:
        has_news = pool.tail > self._arrived
        self._arrived = pool.tail
        if has_news and self._idle_since is not None:
            self._idle_times.add(now - self._idle_since)
            self._idle_since = None
        if (load == 0 and has_news) or (load == 0 and self._idle_since is None):
            self._idle_since = now
            self._plan = self._idle_times.plan()

    def _follow_plan(self, now: float) -> int:
        if self._idle_since is None:
            return 0
        start_at, keep_until = self._idle_since + self._plan.start, self._idle_since + self._plan.keep_until
        if now < start_at - TICK:
            self.wake_at = next_tick(start_at, self._poll)
            return 0
        is_kept = now < keep_until - TICK
        self.wake_at = next_tick(keep_until, self._poll) if is_kept else NEVER
        return 1 if is_kept else 0
