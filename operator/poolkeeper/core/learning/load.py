"""How much work a pool has to do: the offered load, in replicas, and its recent peak.

Requests in flight say how many slots are in use; if all are, the growth of the queue says how many more would
be. Both can be read from depths, which give no arrival counts. Example: 6 requests in flight at concurrency
2, and a queue that grows by 0.5 requests/s at a service rate of 0.25 requests/s per replica: 6 / 2 + 0.5 /
0.25 = 5 replicas.
"""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import (
    LONGEST_SMOOTHING_SECONDS,
    SHORTEST_SMOOTHING_SECONDS,
    SMOOTHINGS_PER_BUDGET,
    UTILISATION,
)


class Load(NamedTuple):
    """Fading averages, and the most replicas needed in this window and the one before."""

    in_flight: float = 0.0
    """Requests in flight."""
    growth: float = 0.0
    """Growth of the queue in requests per second."""
    clumps: float = 0.0
    """Readings in which the queue has grown."""
    peak: int = 0
    """The most replicas needed in this window."""
    peak_before: int = 0
    """The most replicas needed in the window before."""
    window_began_at: float = -math.inf
    """Begin of this window, in Unix seconds."""

    def replicas(self, concurrency: int, rate: float) -> float:
        """The load in fully busy replicas, of `rate` requests per second each."""
        return max(self.in_flight / concurrency + self.lasting_growth / rate, 0.0)

    @property
    def lasting_growth(self) -> float:
        """The growth in requests per second that may be expected to go on.

        Requests that came all at once say nothing about how many will come: of n clumps the first only
        begins the time in which the others came.
        """
        return (
            self.growth * max(0.0, 1.0 - 1.0 / self.clumps)
            if self.clumps and self.growth > 0.0
            else self.growth
        )

    @property
    def recent_peak(self) -> int:
        """The most replicas needed within the last one or two windows."""
        return max(self.peak, self.peak_before)


def smoothing_seconds(patience_seconds: float) -> float:
    """Seconds over which the load is averaged: the longer requests may wait, the longer."""
    return min(
        max(patience_seconds / SMOOTHINGS_PER_BUDGET, SHORTEST_SMOOTHING_SECONDS), LONGEST_SMOOTHING_SECONDS
    )


def learn(load: Load, seconds: float, in_flight: float, growth: int, memory_seconds: float) -> Load:
    """Enter an interval: requests in flight during it, and by how many the queue grew."""
    if seconds <= 0.0:
        return load
    share = 1.0 - math.exp(-seconds / memory_seconds)
    return Load(
        load.in_flight + share * (in_flight - load.in_flight),
        load.growth + share * (growth / seconds - load.growth),
        load.clumps * (1.0 - share) + (growth > 0),
        load.peak,
        load.peak_before,
        load.window_began_at,
    )


def note_peak(load: Load, now: float, needed: int, window_seconds: float) -> Load:
    """Remember the most replicas needed for one to two windows."""
    if now - load.window_began_at < window_seconds:
        return load if needed <= load.peak else load._replace(peak=needed)
    is_next = now - load.window_began_at < 2.0 * window_seconds
    return load._replace(peak=needed, peak_before=load.peak if is_next else 0, window_began_at=now)


def needed_replicas(load: Load, concurrency: int, rate: float, spread: float) -> int:
    """Replicas for the present load; `spread` times its square root is kept in reserve."""
    replicas = load.replicas(concurrency, rate)
    reserve = spread * math.sqrt(replicas / concurrency)
    return math.ceil(max(replicas / UTILISATION, replicas + reserve) - 0.02)
