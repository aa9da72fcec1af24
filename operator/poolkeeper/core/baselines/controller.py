"""What a controller sees of a replayed pool, and when the replay asks it for a decision."""

import math
from collections.abc import Sequence
from typing import Protocol

from poolkeeper.core.baselines.replica import Replica

NEVER = math.inf
TICK = 1e-6
"""Instants (seconds) that are closer than this count as the same, because they are sums of floats."""


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

    The replay calls `step` at `wake_at`, or earlier, when a change has happened that `sees_requests_at` or
    `sees_replicas_at` says is noticed earlier. `step` then sets `wake_at` to the next instant at which its
    answer can change although nothing happens. The polls in between are skipped: they would show the same.
    """

    wake_at: float

    def sees_requests_at(self, now: float) -> float:
        """When the controller notices that a request arrived, was taken or was completed at `now`."""

    def sees_replicas_at(self, now: float) -> float:
        """When the controller notices that replicas changed at `now`."""

    def step(self, now: float, pool: Pool) -> int:
        """The replicas that the pool should have."""


class Peer:
    """A controller with clocks of its own that does not watch replicas."""

    wake_at = NEVER
    drains_itself = False
    """Whether a replica that it stops finishes its requests, whatever the workload does on its own."""

    def sees_replicas_at(self, now: float) -> float:
        """Never."""
        return NEVER


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
