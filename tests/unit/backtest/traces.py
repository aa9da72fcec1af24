"""Small traces and pools that the backtest's tests share."""

from array import array
from collections.abc import Sequence

from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, StartTimes
from poolkeeper.backtest.traces.trace import PoolTrace
from poolkeeper.core.baselines.controller import Controller


def pool(arrivals: Sequence[float], service: float | Sequence[float] = 0.0) -> PoolTrace:
    """A pool with the same service time for every request, or one each."""
    services = [service] * len(arrivals) if isinstance(service, int | float) else service
    return PoolTrace("pool", array("d", arrivals), array("d", services))


def replayed(
    policy: str, requests: PoolTrace, setting: Setting, start_times: StartTimes | None = None
) -> Outcome:
    """One pool under one policy; a start takes 90 s unless another time is given."""
    controller = parse_policy(policy).controller(setting, requests.name)
    return Replay(requests, setting, start_times or Constant(90.0), controller).run()


def controller(policy: str, setting: Setting, phase: float) -> Controller:
    """A peer whose clocks started at a given part of their periods."""
    return parse_policy(policy).controller_at(setting, phase)


def changes(outcome: Outcome) -> list[tuple[float, int]]:
    """Instants at which the number of replicas asked for changed, and what it became."""
    seen, before = [], 0
    for at, desired, _ in outcome.replicas_over_time:
        if desired != before:
            seen.append((at, desired))
            before = desired
    return seen
