"""The best that any policy can do which knows when requests come, but not how long the next start will take.

It knows how start times are distributed. One replica works on one request at a time, first come first served.
A late request that an always-on pool would have taken in time costs a price, and the cheapest plan for it is
found backwards over the requests that find an empty system if the pool is always on. No other request can
find one, since a start only makes requests wait longer. Let a_k be arrivals, P_k the work before request k,
b_k = a_k - P_k. The requests that matter, the heads, are those whose b_k is at least all earlier ones.

    up(i), the replica idles when head i comes: the work until the next head k, which comes b_k - b_i later,
        then min(termination + down(k), b_k - b_i + up(k))
    ready(i, R), it becomes ready at R = P_i + x: k is the first head with b_k >= x; the work until then, the
        price of every request from i on with x - b > budget, then min(termination + down(k), b_k - x + up(k))
    down(i), it is at zero: the minimum over instants c of the mean over start times s of s + ready(i, c + s)

Instants c lie on a grid, from so early that the slowest start is ready when i comes, to the deadline of i.
With a constant start and a price that allows no late request the result is the exact optimum, except that a
request which is late in an always-on pool too may wait longer here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from poolkeeper.backtest.optimum.frontier import Point, added, convex
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import ROUNDING_SECONDS
from poolkeeper.backtest.traces.trace import PoolTrace

Values = NDArray[np.float64]

PRICES: tuple[float, ...] = (0.0, *(float(price) for price in np.geomspace(10.0, 1e6, 16)))
"""Accelerator-seconds that one late request may cost. Between two of them their plans are mixed."""
STEPS = 200
"""Steps of the grid, from a start that takes longest before the request comes to the request's deadline."""
LEAST_STEP_SECONDS = 1.0
QUANTILES = 2000
"""Of the start time, by which it is laid on the grid."""


def frontier(pools: Sequence[PoolTrace], setting: Setting, start_times: StartTimes) -> list[Point]:
    """Late requests and accelerator-seconds of all pools together, at one price of a late request."""
    return added([pool_frontier(pool, setting, start_times) for pool in pools])


def pool_frontier(requests: PoolTrace, setting: Setting, start_times: StartTimes) -> list[Point]:
    """The expected late requests and accelerator-seconds of one pool, at each price."""
    plan = Plan(requests, setting, Starts.on_grid(start_times, setting.budget_seconds), PRICES)
    return convex(map(Point, plan.late.tolist(), plan.accelerator_seconds.tolist()))


@dataclass(frozen=True)
class Starts:
    """What may follow when a start is asked for, on a grid of instants that are counted from a head."""

    mean_seconds: float
    asked_at: Values
    """Seconds from the head's arrival, below 0 where the start is asked for before."""
    ready_at: Values
    likely: Values
    """How likely the start is ready at the first instant after it, at the second, and so on."""

    @staticmethod
    @lru_cache(maxsize=4)
    def on_grid(start_times: StartTimes, budget: float) -> "Starts":
        """The grid holds the instant at which the fastest start has to be asked for to meet the budget."""
        shares = ((number + 0.5) / QUANTILES for number in range(QUANTILES))
        seconds = np.sort([start_times.quantile(share) for share in shares])
        fastest, slowest = float(seconds[0]), float(seconds[-1])
        step = max(LEAST_STEP_SECONDS, (slowest + budget) / STEPS)
        likely: Values = np.bincount(np.rint((seconds - fastest) / step).astype(np.int64)) / QUANTILES
        before = int(np.ceil((budget - fastest + slowest) / step))
        asked_at = budget - fastest + step * np.arange(-before, int(fastest / step) + 1)
        ready_at = asked_at[0] + fastest + step * np.arange(len(asked_at) + len(likely) - 1)
        return Starts(start_times.mean_seconds, np.array(asked_at), np.array(ready_at), likely)

    def expected(self, at_readiness: Values) -> Values:
        """The mean for each instant of asking, from values for each instant of readiness, by prices."""
        rows, width = at_readiness.shape
        means = np.correlate(at_readiness.ravel(), self.likely)
        found: Values = means[np.arange(rows)[:, None] * width + np.arange(len(self.asked_at))]
        return found

    def expected_once(self, at_readiness: Values, asked: NDArray[np.intp]) -> Values:
        """The same at one instant of asking for each row."""
        places = asked[:, None] + np.arange(len(self.likely))
        found: Values = (np.take_along_axis(at_readiness, places, axis=1) * self.likely).sum(axis=1)
        return found


class Plan:
    """The cheapest plan for one pool at each price: what it costs, and how many requests are late in it."""

    def __init__(
        self, requests: PoolTrace, setting: Setting, starts: Starts, prices: Sequence[float]
    ) -> None:
        arrivals, services = np.array(requests.arrivals), np.array(requests.services)
        self._work = np.concatenate([[0.0], np.cumsum(services)])
        self._ahead = arrivals - self._work[:-1]
        highest = np.maximum.accumulate(self._ahead)
        self._highest = highest
        self.heads = np.flatnonzero(self._ahead >= highest)
        self._budget = setting.budget_seconds + ROUNDING_SECONDS
        waits = highest - self._ahead
        self._is_avoidable = waits <= self._budget
        unavoidable = len(requests) - int(self._is_avoidable.sum())
        self._starts = starts
        self._termination = setting.termination_seconds
        self._prices = np.array(prices)[:, None]
        shape = len(prices), len(self.heads) + 1
        self.down, self.up = np.full(shape, np.inf), np.full(shape, np.inf)
        self.down[:, -1] = 0.0
        """Cost from each head on, late requests priced, if it finds the replica at zero, or idle."""
        self.asked_at = np.zeros(shape)
        """When the start is asked for, counted from the head that finds the replica at zero."""
        self._late_down, self._late_up = np.zeros(shape), np.zeros(shape)
        self._head_work = self._work[np.append(self.heads, len(requests))]
        self._head_ahead = np.append(self._ahead[self.heads], np.inf)
        for place in reversed(range(len(self.heads))):
            self._from_idle(place)
            self._from_zero(place)
        self.late = unavoidable + self._late_down[:, 0]
        self.accelerator_seconds = self.down[:, 0] - self._prices[:, 0] * self._late_down[:, 0]

    def _from_idle(self, place: int) -> None:
        work = self._head_work[place + 1] - self._head_work[place]
        gap = self._head_ahead[place + 1] - self._head_ahead[place]
        following, late = self._after_work(np.array([place + 1]), np.array([gap]))
        self.up[:, place] = work + following[:, 0]
        self._late_up[:, place] = late[:, 0]

    def _from_zero(self, place: int) -> None:
        starts, head = self._starts, self._head_ahead[place]
        free = head + starts.ready_at
        following = np.maximum(np.searchsorted(self._head_ahead, free), place)
        cost, late = self._after_work(following, self._head_ahead[following] - free)
        late_now = self._late_until(place, free)
        late = late + late_now
        work = self._head_work[following] - self._head_work[place]
        expected = starts.expected(work + cost + self._prices * late_now)
        best = np.argmin(expected, axis=1)
        self.asked_at[:, place] = starts.asked_at[best]
        self.down[:, place] = starts.mean_seconds + np.min(expected, axis=1)
        self._late_down[:, place] = starts.expected_once(late, best)

    def _after_work(self, following: NDArray[np.intp], gaps: Values) -> tuple[Values, Values]:
        """For each price and each next head with the gap before it: what is cheaper, to stop or to idle, and
        how many requests are late then."""
        stop = self._termination + self.down[:, following]
        idle = gaps + self.up[:, following]
        late = np.where(idle < stop, self._late_up[:, following], self._late_down[:, following])
        return np.minimum(stop, idle), late

    def _late_until(self, place: int, free: Values) -> Values:
        """How many requests from a head on wait longer than the budget, for each readiness.

        A request is late if the readiness less the work before it exceeds its deadline. That is never so of
        requests after the next head, or else they would be late in an always-on pool.
        """
        first = self.heads[place]
        last = np.searchsorted(self._highest, free[-1])
        latest = self._ahead[first:last][self._is_avoidable[first:last]] + self._budget
        return np.searchsorted(np.sort(latest), free).astype(np.float64)
