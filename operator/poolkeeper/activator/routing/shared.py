"""What all connections of one activator share."""

from poolkeeper.activator.gate.budget import Budgets
from poolkeeper.activator.net.hang_ups import HangUps
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.observing.metrics import Metrics
from poolkeeper.activator.routing.pools import Pools


class Shared:
    """Made once for each process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.budgets = Budgets(limits)
        self.metrics = Metrics()
        self.pools = Pools(limits, self.metrics, self.budgets.requests)
        self.hang_ups = HangUps()
