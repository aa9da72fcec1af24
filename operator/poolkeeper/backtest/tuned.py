"""Peers at their best: every setting of a grid, on one trace.

`candidates` is the grid of a peer, `tried` replays all of it here, `frontier` leaves out what another setting
beats, and `cheapest` picks a setting for a share of late requests. One setting serves all pools of a trace.
The policy tuned:PEER of a comparison has each pool `searched` on its own, and then its figures `at_best`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from poolkeeper.backtest.controllers.registry import Policy
from poolkeeper.backtest.figures import Yardstick
from poolkeeper.backtest.replays import replayed
from poolkeeper.backtest.results import OfPools, of_replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.traces.trace import PoolTrace, Trace

Grid = Mapping[str, Sequence[float]]
"""Values of each knob; all combinations are candidates."""

TIMEOUTS = (0, 15, 30, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600)
TARGETS = (0.5, 0.7, 0.85, 1.0, 1.5)
"""Requests per replica that a peer aims at, as shares of those that a replica takes at once."""
AT_ONE_REPLICA: Mapping[str, Grid] = {
    "keda": {
        "pollingInterval": (1, 5, 15, 30),
        "cooldownPeriod": (0, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600),
    },
    "knative": {"stable-window": (6, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)},
    "hpa": {"scaleDown.stabilizationWindowSeconds": (0, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)},
    "kubeai": {
        "timeWindow": (10, 30, 60, 120, 300, 600, 1200, 1800, 3600),
        "scaleDownDelaySeconds": (0, 30, 120),
    },
    "fixed": {"idle": TIMEOUTS},
}
"""With one replica at most, only what decides when it starts and stops is searched."""
AT_MANY_REPLICAS: Mapping[str, Grid] = {
    "keda": {
        "pollingInterval": (5, 30),
        "cooldownPeriod": (30, 120, 300, 900),
        "scaleDown.stabilizationWindowSeconds": (0, 60, 300),
        "threshold": TARGETS,
    },
    "knative": {
        "stable-window": (15, 30, 60, 120, 300),
        "target-utilization-percentage": (50, 70, 85, 100),
        "panic-threshold-percentage": (200, 1000),
        "scale-down-delay": (0, 60, 300),
    },
    "hpa": {
        "scaleDown.stabilizationWindowSeconds": (0, 30, 60, 120, 300, 900),
        "scaleUp.pods": (4, 100),
        "averageValue": TARGETS,
    },
    "kubeai": {
        "timeWindow": (10, 30, 60, 120, 300, 600),
        "scaleDownDelaySeconds": (0, 30, 120),
        "targetRequests": TARGETS,
    },
    "fixed": {"idle": TIMEOUTS},
}
"""With several replicas, also what decides how many there are. Targets are multiplied by the concurrency."""

Searched = Sequence[tuple[int, float]]
"""Late requests and accelerator-seconds of one pool under each candidate."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of a peer on a whole trace."""

    policy: Policy
    late: int
    """Requests that waited longer than the budget."""
    late_percent: float
    hours: float
    """Accelerator-hours."""


def candidates(peer: str, setting: Setting) -> tuple[Policy, ...]:
    """Every setting of a peer (one of TUNABLE) that is searched, the first knob slowest."""
    grid = (AT_ONE_REPLICA if setting.max_replicas == 1 else AT_MANY_REPLICAS)[peer]
    names = tuple(grid)
    return tuple(
        Policy(peer, tuple(zip(names, _scaled(names, values, setting), strict=True)))
        for values in product(*grid.values())
    )


def _scaled(names: Sequence[str], values: Sequence[float], setting: Setting) -> list[float]:
    shares = ("threshold", "averageValue", "targetRequests")
    return [
        value * setting.concurrency if name in shares else value
        for name, value in zip(names, values, strict=True)
    ]


def searched(
    requests: PoolTrace, ends_at: float, setting: Setting, start_times: StartTimes, policy: Policy
) -> Searched:
    """One pool of a trace that ends at the given instant under every candidate of the policy tuned:PEER."""
    found = []
    for candidate in candidates(_peer(policy), setting):
        outcome = replayed(requests, ends_at, setting, start_times, candidate)
        found.append((late_in(outcome.waits, setting.budget_seconds), outcome.accelerator_seconds))
    return found


def tried(peer: str, trace: Trace, setting: Setting, start_times: StartTimes) -> tuple[Tried, ...]:
    """Every candidate on the whole trace, replayed in this process."""
    policy = Policy(f"tuned:{peer}")
    of_pools = [searched(pool, trace.ends_at, setting, start_times, policy) for pool in trace.pools]
    return _summed(peer, trace, setting, of_pools)


def _summed(peer: str, trace: Trace, setting: Setting, of_pools: Sequence[Searched]) -> tuple[Tried, ...]:
    points = []
    for policy, found in zip(candidates(peer, setting), zip(*of_pools, strict=True), strict=True):
        late = sum(of_pool for of_pool, _ in found)
        hours = sum(seconds for _, seconds in found) / 3600
        points.append(Tried(policy, late, 100 * late / trace.requests, hours))
    return tuple(points)


def at_best(
    policy: Policy,
    trace: Trace,
    setting: Setting,
    start_times: StartTimes,
    of_pools: Sequence[Searched],
    late: float,
    beside: Sequence[Yardstick],
) -> tuple[Policy, OfPools]:
    """The cheapest candidate with at most so many late requests on the whole trace, and its figures."""
    points = _summed(_peer(policy), trace, setting, of_pools)
    best = cheapest(points, 100 * late / trace.requests).policy
    figures = []
    for pool, yardstick in zip(trace.pools, beside, strict=True):
        outcome = replayed(pool, trace.ends_at, setting, start_times, best)
        figures.append(of_replay(pool, setting.budget_seconds, outcome, yardstick))
    return best, tuple(figures)


def _peer(policy: Policy) -> str:
    return policy.name.removeprefix("tuned:")


def frontier(points: Sequence[Tried]) -> tuple[Tried, ...]:
    """The settings that no other one beats in both late requests and hours, fewest late first."""
    kept: list[Tried] = []
    for point in sorted(points, key=lambda each: (each.late, each.hours)):
        if not kept or point.hours < kept[-1].hours:
            kept.append(point)
    return tuple(kept)


def cheapest(points: Sequence[Tried], late_percent: float) -> Tried:
    """The setting of fewest hours with at most this percentage late; if none has as few, the one of fewest
    late requests.
    """
    within = [point for point in points if point.late_percent <= late_percent + 1e-9]
    if within:
        return min(within, key=lambda each: (each.hours, each.late))
    return min(points, key=lambda each: (each.late, each.hours))
