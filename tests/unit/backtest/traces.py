"""Small traces and pools that the backtest's tests share."""

from array import array
from collections.abc import Sequence

from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant, StartTimes
from poolkeeper.backtest.traces.trace import PoolTrace


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
