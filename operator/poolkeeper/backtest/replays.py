"""The work on one pool: its replay under one policy, its frontier, and what every policy is compared with."""

from dataclasses import replace

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.registry import ALWAYS_ON, INFORMED, Policy
from poolkeeper.backtest.figures import Yardstick
from poolkeeper.backtest.optimum import hindsight, informed
from poolkeeper.backtest.optimum.choice import optimum
from poolkeeper.backtest.optimum.frontier import Point
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import StartTimes
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace


def replayed(
    requests: PoolTrace, ends_at: float, setting: Setting, start_times: StartTimes, policy: Policy
) -> Outcome:
    """One pool of a trace that ends at the given instant under one policy."""
    if policy.name == ALWAYS_ON:
        setting = replace(setting, min_replicas=setting.max_replicas)
    controller = policy.controller(setting, requests.name)
    outcome = Replay(requests, setting, start_times, controller, ends_at=ends_at).run()
    if isinstance(controller, Poolkeeper):
        outcome.unattainable = controller.unattainable
    return outcome


def frontier(
    requests: PoolTrace, ends_at: float, setting: Setting, start_times: StartTimes, policy: Policy
) -> list[Point]:
    """What late requests save on one pool of a trace that ends at the given instant and is known."""
    if policy.name == INFORMED:
        return informed.pool_frontier(requests, setting, start_times)
    return hindsight.pool_frontier(requests, setting, start_times, ends_at)


def yardstick(requests: PoolTrace, ends_at: float, setting: Setting, start_times: StartTimes) -> Yardstick:
    """The optimum of one pool of a trace that ends at the given instant, and what no policy could avoid."""
    always_on = waits_when_always_on(requests, setting.max_replicas * setting.concurrency)
    best = optimum(requests, setting, start_times.mean_seconds, always_on, ends_at)
    return Yardstick(best, late_in(always_on, setting.budget_seconds))
