"""The Horizontal Pod Autoscaler on an external metric, alone (1.37, which may go to zero) and under KEDA.

Rules (Kubernetes documentation and pkg/controller/podautoscaler): it looks every 15 s; AverageValue asks for
ceil(total / target) replicas and ignores readiness; a ratio within 10 % of 1 changes nothing; upwards at most
the greater of 100 % and 4 pods in 15 s; downwards the highest recommendation of the last 300 s. From 1.37 on
minReplicas may be 0 and the same formula starts the first replicas.
"""

import math
from collections import deque

from poolkeeper.backtest.simulation.controller import NEVER, Peer, Pool, next_tick, tick_after

SYNC_SECONDS = 15.0
TOLERANCE = 0.1


class Recommender:
    """The arithmetic of one HPA; instants are seconds, `total` the metric summed over the workload."""

    def __init__(self, target: float, *, floor: int, ceiling: int, stabilization: float) -> None:
        self._target = target
        self._floor = floor
        self._ceiling = ceiling
        self._stabilization = stabilization
        self._recommended: deque[tuple[float, int]] = deque()

    def replicas(self, now: float, current: int, total: float) -> int:
        """The replicas that this sync asks for."""
        wanted = self._within_limits(current, self._from_metric(current, total))
        while self._recommended and self._recommended[0][0] < now - self._stabilization:
            self._recommended.popleft()
        while self._recommended and self._recommended[-1][1] <= wanted:
            self._recommended.pop()
        self._recommended.append((now, wanted))
        return wanted if wanted >= current else min(current, self._recommended[0][1])

    def _from_metric(self, current: int, total: float) -> int:
        if current > 0 and abs(total / (self._target * current) - 1) <= TOLERANCE:
            return current
        return math.ceil(total / self._target)

    def _within_limits(self, current: int, wanted: int) -> int:
        highest = min(self._ceiling, max(2 * current, current + 4))
        return max(self._floor, min(wanted, highest))


class Hpa(Peer):
    """An HPA of Kubernetes 1.37 with minReplicas 0 on the number of requests in the system."""

    def __init__(
        self, *, target: float, floor: int, ceiling: int, sync: float, stabilization: float, phase: float
    ) -> None:
        self._sync = sync
        self._phase = phase * sync
        self._recommender = Recommender(target, floor=floor, ceiling=ceiling, stabilization=stabilization)

    def sees_requests_at(self, now: float) -> float:
        return next_tick(now, self._sync, self._phase)

    def step(self, now: float, pool: Pool) -> int:
        total = pool.queued + pool.in_flight
        wanted = self._recommender.replicas(now, pool.desired, total)
        is_at_rest = wanted == 0 and total == 0
        self.wake_at = NEVER if is_at_rest else tick_after(now, self._sync, self._phase)
        return wanted
