"""Peers at their best: every setting of a grid, on one trace.

`candidates` is the grid of a peer, `tried` replays all of it here, `frontier` leaves out what another setting
beats, and `cheapest` picks a setting for a share of late requests. One setting serves all pools of a trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from poolkeeper.backtest.controllers.registry import Policy
from poolkeeper.backtest.replays import replayed
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.traces.trace import Trace

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
TUNABLE = tuple(AT_ONE_REPLICA)


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


def tried(peer: str, trace: Trace, setting: Setting, start_times: StartTimes) -> tuple[Tried, ...]:
    """Every candidate, replayed in this process."""
    return tuple(_tried(policy, trace, setting, start_times) for policy in candidates(peer, setting))


def _tried(policy: Policy, trace: Trace, setting: Setting, start_times: StartTimes) -> Tried:
    late, seconds = 0, 0.0
    for pool in trace.pools:
        outcome = replayed(pool, trace.ends_at, setting, start_times, policy)
        late += late_in(outcome.waits, setting.budget_seconds)
        seconds += outcome.accelerator_seconds
    return Tried(policy, late, 100 * late / trace.requests, seconds / 3600)


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
