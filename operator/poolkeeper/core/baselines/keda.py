"""KEDA: a ScaledObject's own loop between 0 and 1, and the HPA that it makes above 1.

Rules (keda pkg/scaling/executor, ScaledObject reference): the loop polls every 30 s; active means a metric
above the activation threshold (0); active at zero sets 1 replica (or the minimum), whatever the size of the
metric; inactive goes to zero once the last active poll is more than 300 s ago, or to `idleReplicaCount`;
between the minimum and N the HPA decides, which asks for the metric itself at each of its 15 s syncs and does
not wait for the poll. A new ScaledObject that was never active leaves the replicas of its Deployment (here
1, or the minimum) for the initial cooldown (0 s: such replicas go at once, so none are started here).

A trigger counts requests in flight where its source knows them (`scaleOnInFlight` of SQS, unacknowledged
messages of RabbitMQ). A Redis list shows only what waits: that is the default where replicas don't drain.

The HTTP add-on (kedacore/http-add-on) pushes activity instead of waiting for the poll: its scaler reads the
interceptors every 500 ms and streams activity every 200 ms. Its metric, concurrency, is what waits and what
is in flight. It drains its own interceptors and never the pods behind them.

The production-stack keepalive (its KEDA values) polls every 15 s, is active while requests came within the
last minute, cools down for 360 s, and scales above 1 on 5 waiting requests per replica. At zero it answers
the first caller with a 503; here that caller waits instead, which favours it.
"""

from collections import deque

from poolkeeper.core.baselines.controller import NEVER, Peer, Pool, is_tick, next_tick, tick_after
from poolkeeper.core.baselines.hpa import AS_DOCUMENTED, SYNC_SECONDS, Behavior, Recommender


class Keda(Peer):
    """One ScaledObject; `phase` in [0, 1) says where in their periods its clocks started."""

    def __init__(
        self, *, target: float, floor: int, ceiling: int, polling: float, cooldown: float,
        stabilization: float = 300.0, phase: float = 0.0, behavior: Behavior = AS_DOCUMENTED,
        initial_cooldown: float = 0.0, idle_replicas: int | None = None, activation: float = 0.0,
        counts_in_flight: bool = True,
    ) -> None:  # fmt: skip
        self._active_replicas = max(1, floor)
        """With one active trigger, and the HPA's minimum."""
        self._idle_replicas = floor if idle_replicas is None else idle_replicas
        self._ceiling = ceiling
        self._polling = polling
        self._polls_from = phase * polling
        self._cooldown = cooldown
        self._initial_cooldown = initial_cooldown
        self._activation = activation
        self._counts_in_flight = counts_in_flight
        self._syncs_from = phase * SYNC_SECONDS
        self._last_active: float | None = None
        self._replicas = self._active_replicas if initial_cooldown else self._idle_replicas
        """The number asked for last; for the 0.1 s that a write takes, the pool still shows the one before.
        """
        self._recommender = Recommender(
            target,
            floor=self._active_replicas,
            ceiling=ceiling,
            stabilization=stabilization,
            behavior=behavior,
        )
        if initial_cooldown:
            self.wake_at = 0.0

    def sees_requests_at(self, now: float) -> float:
        """At the next poll; where the HPA could add to a replica, at its sync if that is first."""
        poll = next_tick(now, self._polling, self._polls_from)
        if self._replicas == 0 or self._ceiling == 1:
            return poll
        return min(poll, next_tick(now, SYNC_SECONDS, self._syncs_from))

    def step(self, now: float, pool: Pool) -> int:
        """A poll, an HPA sync, or both, as their clocks say."""
        wanted = self._replicas
        if is_tick(now, self._polling, self._polls_from):
            wanted = self._poll(now, pool)
        if wanted > 0 and self._ceiling > 1 and is_tick(now, SYNC_SECONDS, self._syncs_from):
            wanted = self._recommender.replicas(now, wanted, self.metric(pool))
        self._replicas = wanted
        self.wake_at = self._next_wake(now, pool, wanted)
        return wanted

    def metric(self, pool: Pool) -> float:
        """What the trigger measures."""
        return pool.queued + (pool.in_flight if self._counts_in_flight else 0)

    def is_active(self, now: float, pool: Pool) -> bool:
        """Whether the trigger is above its activation threshold."""
        return self.metric(pool) > self._activation

    def _poll(self, now: float, pool: Pool) -> int:
        if self.is_active(now, pool):
            self._last_active = now
            return max(self._replicas, self._active_replicas)
        if self._replicas > self._idle_replicas < self._active_replicas and self._has_cooled_down(now):
            return self._idle_replicas
        return self._replicas

    def _has_cooled_down(self, now: float) -> bool:
        if self._last_active is None:
            return self._initial_cooldown < now
        return self._last_active + self._cooldown < now

    def _next_wake(self, now: float, pool: Pool, wanted: int) -> float:
        """The next poll or sync that could change anything without news."""
        if wanted == 0:
            return NEVER
        next_poll = tick_after(now, self._polling, self._polls_from)
        is_quiet = self.metric(pool) == 0 and not self.is_active(now, pool)
        if is_quiet and wanted == self._active_replicas and not self._recommender.looks_back_upwards:
            cooled_at = tick_after(self._cooled_at(), self._polling, self._polls_from)
            return max(cooled_at, next_poll) if self._idle_replicas < wanted else NEVER
        next_sync = tick_after(now, SYNC_SECONDS, self._syncs_from) if self._ceiling > 1 else NEVER
        return min(next_poll, next_sync)

    def _cooled_at(self) -> float:
        return self._initial_cooldown if self._last_active is None else self._last_active + self._cooldown


class KedaHttp(Keda):
    """The HTTP add-on: pending requests wake the pool within a second, the rest is KEDA."""

    def sees_requests_at(self, now: float) -> float:
        """At the scaler's next look while the pool is at zero, otherwise by KEDA's clocks."""
        if self._replicas > 0:
            return super().sees_requests_at(now)
        return next_tick(now, 0.5, self._polls_from) + 0.2

    def metric(self, pool: Pool) -> float:
        """Concurrency: what the interceptors hold, and what they have handed on."""
        return pool.queued + pool.in_flight

    def step(self, now: float, pool: Pool) -> int:
        """Activity at zero is pushed; everything else follows KEDA's clocks."""
        if self._replicas > 0:
            return super().step(now, pool)
        self._replicas = self._active_replicas if self.is_active(now, pool) else 0
        self._last_active = now if self._replicas else self._last_active
        self.wake_at = self._next_wake(now, pool, self._replicas)
        return self._replicas


class Keepalive(Keda):
    """production-stack's scale-to-zero: recent requests keep the pool up, waiting ones add replicas."""

    RATE_WINDOW_SECONDS = 60.0

    def __init__(
        self, *, target: float, floor: int, ceiling: int, polling: float, cooldown: float, phase: float
    ) -> None:
        super().__init__(
            target=target, floor=floor, ceiling=ceiling, polling=polling, cooldown=cooldown, phase=phase
        )
        self._came: deque[tuple[float, int]] = deque([(0.0, 0)])

    def metric(self, pool: Pool) -> float:
        """Requests that wait."""
        return pool.queued

    def is_active(self, now: float, pool: Pool) -> bool:
        """Whether requests came within the last minute, or wait."""
        if self._came[-1][1] != pool.tail:
            self._came.append((now, pool.tail))
        while len(self._came) > 1 and self._came[1][0] <= now - self.RATE_WINDOW_SECONDS:
            self._came.popleft()
        return pool.tail > self._came[0][1] or pool.queued > 0
