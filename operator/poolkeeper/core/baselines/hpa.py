"""The Horizontal Pod Autoscaler on an external metric, alone (1.37, which may go to zero) and under KEDA.

Rules (Kubernetes documentation and pkg/controller/podautoscaler): it looks every 15 s; AverageValue asks for
ceil(total / target) replicas and ignores readiness; a ratio within 10 % of 1 changes nothing. Upwards the
lowest recommendation of the last 0 s counts, downwards the highest of the last 300 s. Then the policies bound
the change: upwards the greater of 100 % and 4 pods in 15 s, downwards 100 % in 15 s, counted from the
replicas at the beginning of the period. From 1.37 on minReplicas may be 0 and the same formula starts the
first replicas.
"""

import math
from collections import deque
from dataclasses import dataclass

from poolkeeper.core.baselines.controller import NEVER, TICK, Peer, Pool, next_tick, tick_after
from poolkeeper.core.baselines.windows import Highest

SYNC_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Behavior:
    """`spec.behavior` beside the window downwards; of several policies the one that allows most decides."""

    tolerance: float = 0.1
    """The ratio of metric and target may be off 1 by this much without a change."""
    up_stabilization: float = 0.0
    """Seconds over which the lowest recommendation counts upwards."""
    up_percent: float = 100.0
    """Policy of type Percent upwards; 0 is none."""
    up_pods: float = 4.0
    """Policy of type Pods upwards; 0 is none."""
    up_period: float = 15.0
    """`periodSeconds` of both policies upwards."""
    down_percent: float = 100.0
    """Policy of type Percent downwards; 0 is none."""
    down_pods: float = 0.0
    """Policy of type Pods downwards; 0 is none."""
    down_period: float = 15.0
    """`periodSeconds` of both policies downwards."""


AS_DOCUMENTED = Behavior()


class Recommender:
    """The arithmetic of one HPA; instants are seconds, `total` the metric summed over the workload."""

    def __init__(
        self,
        target: float,
        *,
        floor: int,
        ceiling: int,
        stabilization: float,
        behavior: Behavior = AS_DOCUMENTED,
    ) -> None:
        self._target = target
        self._floor = floor
        self._ceiling = ceiling
        self._behavior = behavior
        self._highest = Highest(stabilization)
        self._lowest_negated = Highest(behavior.up_stabilization)
        self._changes: deque[tuple[float, int]] = deque()

    @property
    def looks_back_upwards(self) -> bool:
        """Whether a sync that recommends no change can hold a later rise back."""
        return self._behavior.up_stabilization > 0

    def replicas(self, now: float, current: int, total: float) -> int:
        """The replicas that this sync asks for."""
        wanted = self._stabilized(now, current, self._from_metric(current, total))
        limited = self._limited(now, current, wanted)
        if limited != current:
            self._changes.append((now, limited - current))
        return limited

    def _from_metric(self, current: int, total: float) -> int:
        if current > 0 and abs(total / (self._target * current) - 1) <= self._behavior.tolerance:
            return current
        return math.ceil(total / self._target)

    def _stabilized(self, now: float, current: int, wanted: int) -> int:
        highest = int(self._highest.with_value(now, wanted))
        lowest = -int(self._lowest_negated.with_value(now, -wanted))
        return min(max(current, lowest), highest)

    def _limited(self, now: float, current: int, wanted: int) -> int:
        behavior = self._behavior
        if wanted > current:
            begun = self._at_beginning(now, current, behavior.up_period)
            percent, pods = math.ceil(begun * (1 + behavior.up_percent / 100)), begun + int(behavior.up_pods)
            wanted = min(wanted, max(current, percent, pods))
        elif wanted < current:
            begun = self._at_beginning(now, current, behavior.down_period)
            percent, pods = int(begun * (1 - behavior.down_percent / 100)), begun - int(behavior.down_pods)
            wanted = max(wanted, min(current, percent, pods))
        return max(self._floor, min(wanted, self._ceiling))

    def _at_beginning(self, now: float, current: int, period: float) -> int:
        """The replicas before the changes of this period."""
        kept = max(self._behavior.up_period, self._behavior.down_period)
        while self._changes and self._changes[0][0] <= now - kept + TICK:
            self._changes.popleft()
        return current - sum(change for at, change in self._changes if at > now - period + TICK)


class Hpa(Peer):
    """An HPA of Kubernetes 1.37 with minReplicas 0 on the number of requests in the system."""

    def __init__(
        self, *, target: float, floor: int, ceiling: int, sync: float, stabilization: float, phase: float,
        behavior: Behavior = AS_DOCUMENTED, counts_in_flight: bool = True,
    ) -> None:  # fmt: skip
        self._sync = sync
        self._phase = phase * sync
        self._counts_in_flight = counts_in_flight
        self._recommender = Recommender(
            target, floor=floor, ceiling=ceiling, stabilization=stabilization, behavior=behavior
        )
        if self._recommender.looks_back_upwards:
            self.wake_at = self._phase

    def sees_requests_at(self, now: float) -> float:
        return next_tick(now, self._sync, self._phase)

    def step(self, now: float, pool: Pool) -> int:
        total = pool.queued + (pool.in_flight if self._counts_in_flight else 0)
        wanted = self._recommender.replicas(now, pool.desired, total)
        is_at_rest = wanted == 0 and total == 0 and not self._recommender.looks_back_upwards
        self.wake_at = NEVER if is_at_rest else tick_after(now, self._sync, self._phase)
        return wanted
