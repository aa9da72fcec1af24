"""What all connections of one activator share."""

from dataclasses import dataclass

from poolkeeper.activator.gate.budget import Budgets
from poolkeeper.activator.net.hang_ups import HangUps
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.observing.metrics import Metrics
from poolkeeper.activator.routing.pools import Pools


@dataclass(frozen=True, slots=True)
class Shared:
    """Made once for each process by `share`."""

    limits: Limits
    """Bounds of time and size."""
    budgets: Budgets
    """What is held by all pools together."""
    metrics: Metrics
    """Prometheus series."""
    pools: Pools
    """Pools by local port."""
    hang_ups: HangUps
    """Watches clients that are not read from."""


def share(limits: Limits) -> Shared:
    """The parts of one activator, with each other."""
    budgets, metrics = Budgets(limits), Metrics()
    pools = Pools(limits, metrics, budgets.requests)
    return Shared(limits, budgets, metrics, pools, HangUps())
