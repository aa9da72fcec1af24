"""llm-d's Workload Variant Autoscaler with its scale-to-zero.

Rules (llm-d-workload-variant-autoscaler): at zero, the router's flow-control queue is read every 100 ms and
one replica started; the engine loop runs every 30 s; to zero once no request has COMPLETED within the
retention period (600 s); in between, a replica is saturated from 5 queued requests on, one more is wanted
while the average spare queue is below 3, one less if the queue, spread over the rest, keeps that headroom and
two replicas are not saturated (internal/saturation, isScaleDownSafe: it spreads what waits and the KV cache
in use, never the requests in flight; the cache is not modelled here). The wanted number reaches /scale
through an HPA (15 s, 300 s stabilization).
"""

from collections import deque

from poolkeeper.core.baselines.controller import NEVER, Peer, Pool, is_tick, next_tick, tick_after
from poolkeeper.core.baselines.hpa import SYNC_SECONDS, Recommender

SATURATED_QUEUE = 5
SPARE_QUEUE_TRIGGER = 3
LEAST_UNSATURATED_TO_SHRINK = 2


class Wva(Peer):
    """One variant of one model."""

    def __init__(
        self, *, retention: float, loop: float, ceiling: int, stabilization: float, phase: float
    ) -> None:
        self._retention = retention
        self._loop = loop
        self._phase = phase * loop
        self._syncs_from = phase * SYNC_SECONDS
        self._recommender = Recommender(1.0, floor=1, ceiling=ceiling, stabilization=stabilization)
        self._completed: deque[tuple[float, int]] = deque([(0.0, 0)])
        self._started_at = 0.0
        self._gauge = 1
        self._is_at_zero = True

    def sees_requests_at(self, now: float) -> float:
        """Within 100 ms while at zero, otherwise at the next loop."""
        return next_tick(now, 0.1) if self._is_at_zero else next_tick(now, self._loop, self._phase)

    def step(self, now: float, pool: Pool) -> int:
        """The look at the router's queue, one engine loop, or the HPA's sync."""
        wanted = pool.desired
        if wanted == 0:
            wanted = 1 if pool.queued else 0
            self._started_at = now
            self._gauge = 1
        elif is_tick(now, self._loop, self._phase):
            wanted = self._engine(now, pool)
        elif is_tick(now, SYNC_SECONDS, self._syncs_from):
            wanted = self._recommender.replicas(now, pool.desired, self._gauge)
        self._is_at_zero = wanted == 0
        self.wake_at = NEVER if self._is_at_zero else self._next_wake(now)
        return wanted

    def _next_wake(self, now: float) -> float:
        loop = tick_after(now, self._loop, self._phase)
        return min(loop, tick_after(now, SYNC_SECONDS, self._syncs_from))

    def _engine(self, now: float, pool: Pool) -> int:
        if self._completed[-1][1] != pool.completed:
            self._completed.append((now, pool.completed))
        while len(self._completed) > 1 and self._completed[1][0] <= now - self._retention:
            self._completed.popleft()
        has_completed = pool.completed > self._completed[0][1]
        if not has_completed and now - self._started_at >= self._retention:
            return 0
        self._gauge = self._saturation(pool)
        return pool.desired

    def _saturation(self, pool: Pool) -> int:
        replicas = max(1, pool.ready)
        queue = pool.queued / replicas
        if SATURATED_QUEUE - queue < SPARE_QUEUE_TRIGGER:
            return pool.desired if pool.desired > pool.ready else pool.desired + 1
        rest = replicas - 1
        can_shrink = pool.desired > 1 and rest >= LEAST_UNSATURATED_TO_SHRINK - 1
        if can_shrink and SATURATED_QUEUE - pool.queued / rest >= SPARE_QUEUE_TRIGGER:
            return pool.desired - 1
        return pool.desired
