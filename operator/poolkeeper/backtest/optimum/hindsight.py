"""The best that fixed constants can do, chosen for each pool with its whole trace known.

Per pool a grid of rules is replayed: how long the replica idles, how late it starts, and whether the start
comes earlier by the pool's mean service time for every request in the queue. Each pool then has a frontier
of hours against late requests. What a policy learns while the requests come is compared with it.

The rules are chosen by their means over several seeds of the start times: with one seed the choice would know
how long each start takes. Example: on agent sessions with log-normal starts (90 s, σ 0.5) and a budget of
300 s, rules chosen with one seed for 0.5 % late cost 60.6 h and are 1.4 % late with other seeds; chosen with
eight they cost 69.8 h and are 0.5 % late with others too.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from poolkeeper.backtest.optimum.frontier import Point, added, convex
from poolkeeper.backtest.optimum.static import Grid, Rules
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, StartTimes
from poolkeeper.backtest.traces.trace import PoolTrace

IDLE_SECONDS = (
    *(0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0, 150.0, 180.0, 240.0, 300.0, 450.0),
    *(600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0, 7200.0, 1e9),
)
"""Idle timeouts: steps of about a quarter of the timeout, and one that never ends."""
DELAYS = 25
"""Delays of a start, evenly from none to the budget."""


SEEDS = 8
"""Seeds of the start times over which the mean of each rule is taken, the replay's own seed among them."""
LEAST_SERVICE_SECONDS = 1.0
"""Where requests take less time on average, a queue hardly needs an earlier start."""


def frontier(
    pools: Sequence[PoolTrace], setting: Setting, start_times: StartTimes, ends_at: float = 0.0
) -> list[Point]:
    """Late requests and accelerator-seconds of all pools together, at one price of a late request.

    `cheapest(frontier(…), late)` is what the best fixed rules cost with `late` late requests.
    """
    return added([pool_frontier(pool, setting, start_times, ends_at) for pool in pools])


def pool_frontier(
    requests: PoolTrace, setting: Setting, start_times: StartTimes, ends_at: float = 0.0
) -> list[Point]:
    """The best rules for one pool of a trace that ends at the given instant; each is named as a policy."""
    rules = _grid(setting.budget_seconds, sum(requests.services) / len(requests))
    columns = (np.array(column) for column in zip(*rules, strict=True))
    seeds = range(setting.seed, setting.seed + (1 if isinstance(start_times, Constant) else SEEDS))
    found = Grid(requests, setting, start_times, Rules(*columns), ends_at=ends_at, seeds=seeds).run()
    names = (f"static:idle={idle:g},delay={delay:g},service={each:g}" for idle, delay, each in rules)
    return convex(map(Point, found.late.tolist(), found.accelerator_seconds.tolist(), names))


def _grid(budget: float, mean_service: float) -> list[tuple[float, float, float]]:
    delays = [budget * step / (DELAYS - 1) for step in range(DELAYS)] if budget else [0.0]
    services = [0.0, mean_service] if mean_service >= LEAST_SERVICE_SECONDS else [0.0]
    return list(product(IDLE_SECONDS, delays, services))
