"""How much work a pool has to do: the offered load in replicas, how fast it can rise, and its recent peak.

Requests in flight say how many slots are in use; if all are, the growth of the queue says how many more would
be. Both can be read from depths, which give no arrival counts. Example: 6 requests in flight at concurrency
2, and a queue that grows by 0.5 requests/s at a service rate of 0.25 requests/s per replica: 6 / 2 + 0.5 /
0.25 = 5 replicas.
"""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import (
    CHANCE_DEVIATIONS,
    LARGEST_RESERVE,
    LARGEST_RESERVE_STEP,
    LONGEST_SMOOTHING_SECONDS,
    REMEMBERED_RISES,
    RESERVE_STEP,
    SHORTEST_SMOOTHING_SECONDS,
    SMOOTHINGS_PER_BUDGET,
)

ROUNDING = 0.02
"""Replicas that are not rounded up: an average that fades never quite reaches what it is of."""


class Average(NamedTuple):
    """Fading averages over some seconds."""

    in_flight: float = 0.0
    """Requests in flight."""
    growth: float = 0.0
    """Growth of the queue in requests per second."""

    def after(self, share: float, in_flight: float, growth: float) -> "Average":
        """The averages after an interval that has this share of their memory."""
        return Average(
            self.in_flight + share * (in_flight - self.in_flight),
            self.growth + share * (growth - self.growth),
        )


class Load(NamedTuple):
    """Fading averages, how much the load rises, and the most replicas needed in this window and the one
    before."""

    recent: Average = Average()
    """Over a third of the budget: what requests that can wait no longer need."""
    steady: Average = Average()
    """Over a start: what replicas that are started now will find."""
    clumps: float = 0.0
    """Readings in which the queue has grown."""
    rise: float = 0.0
    """Mean square of the rises from one window to the next, in replicas²."""
    reserve: float = 0.0
    """Standard deviations of a rise that replicas are kept in reserve for."""
    before: float = 0.0
    """The load at the begin of this window, in replicas."""
    peak: int = 0
    """The most replicas needed in this window."""
    peak_before: int = 0
    """The most replicas needed in the window before."""
    window_began_at: float = -math.inf
    """Begin of this window, in Unix seconds."""

    def replicas(self, concurrency: int, rate: float) -> float:
        """The load in fully busy replicas, of `rate` requests per second each.

        It is the steady average, as far as chance explains its distance from the recent one. Example: 24 in
        flight lately may be 24 ± 1.5 × √24 = 17 to 31 by chance, so that a steady 26 is believed, while 10
        is not: the load has risen.
        """
        recent = self.recent_replicas(concurrency, rate) * concurrency
        steady = self.steady.in_flight + self.steady.growth * concurrency / rate
        chance = CHANCE_DEVIATIONS * math.sqrt(recent)
        return min(max(steady, recent - chance), recent + chance) / concurrency

    def recent_replicas(self, concurrency: int, rate: float) -> float:
        """The recent average in fully busy replicas."""
        return max(self.recent.in_flight / concurrency + self.lasting_growth / rate, 0.0)

    @property
    def lasting_growth(self) -> float:
        """The growth in requests per second that may be expected to go on.

        Requests that came all at once say nothing about how many will come: of n clumps the first only
        begins the time in which the others came.
        """
        growth = self.recent.growth
        return growth * max(0.0, 1.0 - 1.0 / self.clumps) if self.clumps and growth > 0.0 else growth

    @property
    def recent_peak(self) -> int:
        """The most replicas needed within the last one or two windows."""
        return max(self.peak, self.peak_before)


def recent_seconds(budget_seconds: float) -> float:
    """Over how many seconds the recent load is averaged: the longer requests may wait, the longer."""
    return min(
        max(budget_seconds / SMOOTHINGS_PER_BUDGET, SHORTEST_SMOOTHING_SECONDS), LONGEST_SMOOTHING_SECONDS
    )


def memories(budget_seconds: float, start_seconds: float) -> tuple[float, float]:
    """Over how many seconds the recent and the steady load are averaged. The steady one covers a start,
    because nothing helps sooner than that."""
    recent = recent_seconds(budget_seconds)
    return recent, max(recent, min(start_seconds, LONGEST_SMOOTHING_SECONDS))


def learn(
    load: Load, seconds: float, in_flight: float, growth: int, memory_seconds: tuple[float, float]
) -> Load:
    """Enter an interval: requests in flight during it, and by how many the queue grew. The memories are those
    of the recent and of the steady average."""
    if seconds <= 0.0:
        return load
    recent, steady = memory_seconds
    share, per_second = 1.0 - math.exp(-seconds / recent), growth / seconds
    return load._replace(
        recent=load.recent.after(share, in_flight, per_second),
        steady=load.steady.after(1.0 - math.exp(-seconds / steady), in_flight, per_second),
        clumps=load.clumps * (1.0 - share) + (growth > 0),
    )


def account(load: Load, taken: int, late: int, allowed_share: float) -> Load:
    """Enter requests that were taken, of which some were late because too few replicas were ready: the
    reserve grows while there are more of those than allowed. While the objective is missed by any cause, none
    are `taken`: what is late for lack of replicas can't be afforded then."""
    if not late and not load.reserve:
        return load
    step = min(RESERVE_STEP * (late / allowed_share - taken), LARGEST_RESERVE_STEP)
    return load._replace(reserve=min(max(load.reserve + step, 0.0), LARGEST_RESERVE))


def note_peak(load: Load, now: float, needed: int, window_seconds: float, replicas: float) -> Load:
    """Remember the most replicas needed for one to two windows, and by how much the load has risen."""
    # Computed as the review time of an idle pool is: a difference may round to just below the window's length
    # at the very instant at which the window ends, and the look would be repeated at once.
    if now < load.window_began_at + window_seconds:
        return load if needed <= load.peak else load._replace(peak=needed)
    is_next = now < load.window_began_at + 2.0 * window_seconds
    rise = max(replicas - load.before, 0.0)
    is_learned = is_next and load.before > 0.0
    return load._replace(
        rise=load.rise + (rise * rise - load.rise) / REMEMBERED_RISES if is_learned else load.rise,
        before=replicas,
        peak=needed,
        peak_before=load.peak if is_next else 0,
        window_began_at=now,
    )
