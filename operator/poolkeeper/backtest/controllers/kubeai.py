"""KubeAI's autoscaler with its own proxy in front.

Rules (kubeai docs and internal/modelautoscaler): every 10 s the number of active requests joins a moving
average over 10 minutes; desired = ceil(average / targetRequests); scaling down waits until the lower number
has been wanted for scaleDownDelaySeconds (30 s). The proxy holds the first request and starts one replica at
once.
"""

import math
from collections import deque

from poolkeeper.core.baselines.controller import NEVER, Peer, Pool, is_tick, next_tick, tick_after


class KubeAI(Peer):
    """One Model's autoscaling."""

    def __init__(self, *, target: float, interval: float, window: float, delay: float, phase: float) -> None:
        self._target = target
        self._interval = interval
        self._delay = delay
        self._phase = phase * interval
        intervals = math.ceil(window / interval - 1e-9)
        self._active: deque[int] = deque([0] * intervals, maxlen=intervals)
        self._counted_at = 0.0
        self._lower_since: float | None = None
        self._is_at_zero = True

    def sees_requests_at(self, now: float) -> float:
        """At once while at zero (the proxy asks for a replica), otherwise at the next interval."""
        return now if self._is_at_zero else next_tick(now, self._interval, self._phase)

    def step(self, now: float, pool: Pool) -> int:
        """The proxy's request for a first replica, or one interval of the autoscaler."""
        load = pool.queued + pool.in_flight
        wanted = max(pool.desired, 1 if load else 0)
        if is_tick(now, self._interval, self._phase):
            wanted = self._average_and_scale(now, wanted, load)
        self._is_at_zero = wanted == 0
        self.wake_at = NEVER if self._is_at_zero else tick_after(now, self._interval, self._phase)
        return wanted

    def _average_and_scale(self, now: float, current: int, load: int) -> int:
        self._count_idle_intervals(now)
        self._active.append(load)
        wanted = math.ceil(sum(self._active) / len(self._active) / self._target)
        if wanted >= current:
            self._lower_since = None
            return wanted
        if self._lower_since is None:
            self._lower_since = now
        return wanted if now - self._lower_since >= self._delay - 1e-6 else current

    def _count_idle_intervals(self, now: float) -> None:
        """Nothing happened while the pool slept at zero: those intervals were all zeros."""
        skipped = round((now - self._counted_at) / self._interval) - 1
        self._active.extend([0] * min(skipped, len(self._active)))
        self._counted_at = now
