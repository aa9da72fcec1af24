"""The Knative pod autoscaler (KPA) with the activator in front.

Rules (knative/serving pkg/autoscaler/scaling/autoscaler.go and config-autoscaler): a tick every 2 s; average
concurrency over 60 s (stable) and 6 s (panic), counting requests that the activator holds; desired =
ceil(average / (70 % of the container's concurrency)); panic while the short average asks for at least twice
the READY pods, held for one stable window, never decreasing meanwhile; upwards at most 1000 ×, downwards at
most half of the ready pods a tick; the highest of the scale-down delay (0 s) counts; zero once the stable
average is zero. The activator pokes the autoscaler at the first request.

The last pod waits until the activator has been in the path for the 30 s grace period (pkg/reconciler/
autoscaling/kpa/scaler.go: "Fast path scaling to 0, in proxy mode for"). It is in the path while the excess
burst capacity, ready pods × the container's concurrency - target-burst-capacity (211) - the short average, is
below zero. A revision that is too small to take a burst of 211 requests is therefore always proxied and stops
without any grace; a greater one pays what is left of it. A burst capacity of 0 means: only proxied at zero,
-1: always proxied. The retention period (0 s) keeps the last pod from when zero was first wanted.

A pod that is stopped finishes its requests: the queue-proxy in it waits for them, for at most the revision's
`timeoutSeconds`, which ends a request anyway.
"""

import math
from collections import deque

from poolkeeper.core.baselines.controller import NEVER, TICK, Peer, Pool, next_tick, tick_after
from poolkeeper.core.baselines.windows import Highest

TICK_SECONDS = 2.0
PANIC_WINDOW_PERCENT = 10.0
PANIC_THRESHOLD_PERCENT = 200.0
MAX_UP_RATE = 1000.0
MAX_DOWN_RATE = 2.0


class Average:
    """The average load over the last `window` seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._loads: deque[tuple[float, float]] = deque()

    def begin(self, now: float, load: float) -> None:
        """Forgets what was; `load` is the load's integral."""
        self._loads.clear()
        self._loads.append((now, load))

    def add(self, now: float, load: float) -> None:
        """Notes the load's integral."""
        self._loads.append((now, load))
        while len(self._loads) > 2 and self._loads[1][0] <= now - self._window + TICK:
            self._loads.popleft()

    @property
    def value(self) -> float:
        """Requests, on average since the last instant before the window that was noted."""
        (since, load), (until, load_until) = self._loads[0], self._loads[-1]
        return (load_until - load) / (until - since) if until > since else 0.0


class Knative(Peer):
    """One revision's autoscaler."""

    drains_itself = True

    def __init__(
        self,
        *,
        target: float,
        capacity: float,
        burst: float,
        window: float,
        grace: float,
        phase: float,
        max_up_rate: float = MAX_UP_RATE,
        max_down_rate: float = MAX_DOWN_RATE,
        panic_window: float = PANIC_WINDOW_PERCENT,
        panic_threshold: float = PANIC_THRESHOLD_PERCENT,
        delay: float = 0.0,
        retention: float = 0.0,
    ) -> None:
        self._target = target
        self._capacity = capacity
        self._burst = burst
        self._window = window
        self._grace = grace
        self._max_up_rate = max_up_rate
        self._max_down_rate = max_down_rate
        self._stable = Average(window)
        self._short = Average(window * panic_window / 100)
        self._panic_threshold = panic_threshold / 100
        self._delayed = Highest(delay)
        self._retention = retention
        self._phase = phase * TICK_SECONDS
        self._is_up = False
        self._panic_until = -math.inf
        self._panic_replicas = 0
        self._proxied_since: float | None = -math.inf
        self._zero_since: float | None = None

    def sees_requests_at(self, now: float) -> float:
        """At once while at zero (the activator pokes), otherwise at the next tick."""
        return next_tick(now, TICK_SECONDS, self._phase) if self._is_up else now

    def step(self, now: float, pool: Pool) -> int:
        if not self._is_up:
            return self._activate(now, pool)
        load = pool.load_integral(now)
        self._stable.add(now, load)
        self._short.add(now, load)
        wanted = int(self._delayed.with_value(now, self._from_averages(now, pool)))
        self.wake_at = tick_after(now, TICK_SECONDS, self._phase)
        self._note_path(now, pool, wanted)
        if wanted:
            self._zero_since = None
        return wanted or self._zero_after_grace(now)

    def _activate(self, now: float, pool: Pool) -> int:
        self._is_up = pool.queued + pool.in_flight > 0 or pool.desired > 0
        self._stable.begin(now, pool.load_integral(now))
        self._short.begin(now, pool.load_integral(now))
        self.wake_at = tick_after(now, TICK_SECONDS, self._phase) if self._is_up else NEVER
        return max(1, pool.desired) if self._is_up else 0

    def _from_averages(self, now: float, pool: Pool) -> int:
        ready = max(1, pool.ready)
        highest, lowest = math.ceil(self._max_up_rate * ready), math.floor(ready / self._max_down_rate)
        stable = min(max(self._pods(self._stable.value), lowest), highest)
        short = self._pods(self._short.value)
        if short / ready >= self._panic_threshold:
            self._panic_until = now + self._window
        if now >= self._panic_until:
            self._panic_replicas = 0
            return stable
        self._panic_replicas = max(self._panic_replicas, stable, min(max(short, lowest), highest))
        return self._panic_replicas

    def _pods(self, average: float) -> int:
        return math.ceil(average / self._target - 1e-9)

    def _note_path(self, now: float, pool: Pool, wanted: int) -> None:
        """Since when the activator has been in the path: it always is where nothing is wanted."""
        excess = pool.ready * self._capacity - self._burst - self._short.value
        is_proxied = wanted == 0 or self._burst < 0 or (self._burst > 0 and excess < 0)
        if not is_proxied:
            self._proxied_since = None
        elif self._proxied_since is None:
            self._proxied_since = now

    def _zero_after_grace(self, now: float) -> int:
        self._zero_since = now if self._zero_since is None else self._zero_since
        in_grace = self._proxied_since is not None and now - self._proxied_since < self._grace
        if in_grace or now - self._zero_since < self._retention - TICK:
            return 1
        self._is_up = False
        self._zero_since = None
        self.wake_at = NEVER
        return 0
