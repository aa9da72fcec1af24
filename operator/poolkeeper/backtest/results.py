"""The figures of each pool of a trace under each policy, from what replays and bounds found.

A frontier (hindsight, informed) has a row at one share of late requests. That is the policy's parameter
`late`, or else the share that Poolkeeper has on the same trace, so that their hours can be compared. Without
Poolkeeper it is the share that the objective allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from poolkeeper.backtest.controllers.registry import AT_A_SHARE, FRONTIERS, OPTIMUM, POOLKEEPER, Policy
from poolkeeper.backtest.figures import PoolFigures, Yardstick
from poolkeeper.backtest.optimum.choice import Bound
from poolkeeper.backtest.optimum.frontier import Frontier, Point, shared_out
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.traces.trace import PoolTrace, Trace

OfPools = tuple[PoolFigures, ...]


def figures_of(
    trace: Trace, setting: Setting, found: Mapping[Policy, Sequence[Any]], beside: Sequence[Yardstick]
) -> dict[Policy, OfPools]:
    """The figures of every pool, in the order of the trace, but for tuned peers.

    `found` has one value for each pool: an `Outcome`, a `Frontier`, or for the optimum its yardstick.
    """
    figures: dict[Policy, OfPools] = {}
    for policy, values in found.items():
        if policy.name == OPTIMUM:
            figures[policy] = tuple(map(_of_optimum, trace.pools, beside))
        elif policy.name not in AT_A_SHARE:
            budgets = [setting.budget_seconds] * len(beside)
            figures[policy] = tuple(map(of_replay, trace.pools, budgets, values, beside))
    for policy, values in found.items():
        if policy.name in FRONTIERS:
            late = late_wanted(policy, trace, setting, figures)
            figures[policy] = _of_frontiers(trace, values, beside, late)
    return figures


def _of_optimum(requests: PoolTrace, beside: Yardstick) -> PoolFigures:
    """Only what is unavoidably late is late."""
    return PoolFigures(requests.name, len(requests), beside.unavoidable_late, beside.best, beside)


def of_replay(requests: PoolTrace, budget: float, outcome: Outcome, beside: Yardstick) -> PoolFigures:
    """What a replay showed."""
    return PoolFigures(requests.name, len(requests), late_in(outcome.waits, budget), outcome, beside)


def _of_frontiers(
    trace: Trace, frontiers: Sequence[Frontier], beside: Sequence[Yardstick], late: float
) -> OfPools:
    points = shared_out(frontiers, late)
    return tuple(map(_of_point, trace.pools, points, beside))


def _of_point(requests: PoolTrace, point: Point, beside: Yardstick) -> PoolFigures:
    bound = Bound(point.accelerator_seconds, beside.best.busy_seconds, rule=point.name)
    return PoolFigures(requests.name, len(requests), point.late, bound, beside)


def late_wanted(policy: Policy, trace: Trace, setting: Setting, figures: Mapping[Policy, OfPools]) -> float:
    """How many requests may be late in the row of a frontier, or of a tuned peer."""
    percent = dict(policy.parameters).get("late")
    if percent is not None:
        return trace.requests * percent / 100
    ours = next((pools for each, pools in figures.items() if each.name == POOLKEEPER), None)
    if ours is not None:
        return sum(pool.late for pool in ours)
    return trace.requests * (100 - setting.objective_percent) / 100
