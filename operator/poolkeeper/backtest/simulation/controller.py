"""What a replayed pool shows to whoever scales it, and when it asks."""

import math
from collections.abc import Sequence
from typing import Protocol

from poolkeeper.backtest.simulation.replica import Replica

NEVER = math.inf
TICK = 1e-6
"""Instants closer than this are the same; clocks are compared in floating point."""


class Pool(Protocol):
    """The pool as a controller may see it, to read only.

    Peers read it at the instants of their own clocks only.
    """

    @property
    def head(self) -> int:
        """Requests taken so far, which is also the index of the first that waits."""

    @property
    def tail(self) -> int:
        """Requests arrived so far."""

    @property
    def completed(self) -> int:
        """Requests finished so far."""

    @property
    def desired(self) -> int:
        """Replicas as last written."""

    @property
    def ready(self) -> int:
        """Replicas that take requests."""

    @property
    def starting(self) -> Sequence[Replica]:
        """Replicas that were asked for and are not ready, the next one first."""

    @property
    def newly_ready(self) -> Sequence[Replica]:
        """Replicas that became ready since the controller's last step."""

    @property
    def queued(self) -> int:
        """Requests that wait."""

    @property
    def in_flight(self) -> int:
        """Requests that replicas work on."""

    @property
    def mean_start_seconds(self) -> float | None:
        """The mean time of the starts that became ready, or None before the first."""

    def load_integral(self, now: float) -> float:
        """Request-seconds spent waiting or being worked on since the trace began."""

    def terminating(self, now: float) -> int:
        """Replicas that are stopping and not gone yet."""


class Controller(Protocol):
    """Decides a pool's replicas.

    The replay calls `step` at `wake_at`, and earlier at what `sees_requests_at` or `sees_replicas_at`
    returned for a change that happened meanwhile. `step` sets `wake_at` anew: the next instant at which its
    answer can change without news. Skipping the polls in between changes nothing, because they would show the
    same.
    """

    wake_at: float

    def sees_requests_at(self, now: float) -> float:
        """When an arrival, a take or a completion that happens now is noticed."""

    def sees_replicas_at(self, now: float) -> float:
        """When a replica that becomes ready now is noticed."""

    def step(self, now: float, pool: Pool) -> int:
        """The replicas that the pool should have."""


def next_tick(now: float, period: float, phase: float = 0.0) -> float:
    """The first instant phase + k × period that is not before now."""
    return phase + math.ceil((now - phase) / period - TICK / period) * period


def tick_after(now: float, period: float, phase: float = 0.0) -> float:
    """The first instant phase + k × period that is after now."""
    return phase + (math.floor((now - phase) / period + TICK / period) + 1) * period


def is_tick(now: float, period: float, phase: float = 0.0) -> bool:
    """Whether an instant is one of phase + k × period."""
    ticks = (now - phase) / period
    return abs(ticks - round(ticks)) * period < TICK
