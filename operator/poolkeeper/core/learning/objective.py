"""How much risk a start may take: what the objective allows, corrected by the late requests that were
measured.

A late request lowers the risk until later requests have paid it back. A forgetting average would stay
permanently above the target.
"""

import math
from typing import NamedTuple

from poolkeeper.core.learning.promise import Late
from poolkeeper.core.tuning import (
    FIRST_LATE_PRICE,
    HIGHEST_LATE_PRICE,
    LARGEST_LATE_PRICE_STEP,
    LATE_PRICE_STEP,
    LEAST_LATE_PRICE,
    LEAST_RISK_FACTOR,
    MOST_RISK_FACTOR,
    PER_START_STEP,
    RISK_GAIN,
)

LEAST_BALANCE, MOST_BALANCE = math.log(LEAST_RISK_FACTOR) / RISK_GAIN, math.log(MOST_RISK_FACTOR) / RISK_GAIN


class Objective(NamedTuple):
    """The balance of late requests, and what follows from it. `core.learning.promise` counts the requests."""

    balance: float = 0.0
    """Requests that might have been late so far, less those that were; bounded. Negative: too many were
    late."""
    per_start: float = 1.0
    """Requests that one start serves on average."""
    since_start: int = 0
    """Requests taken since the last start began."""
    price: float = 1.0
    """What one late request is worth, in starts. It rises while too many requests are late."""

    def allowance(self, allowed_share: float) -> float:
        """Requests that the next start may be expected to make late.

        Example: 1 % allowed, 5 requests per start, a balance of 0: 0.05 requests, so that one start in 40 may
        make two requests late.
        """
        return allowed_share * self.per_start * math.exp(RISK_GAIN * self.balance)


def initial(allowed_share: float) -> Objective:
    """No request taken yet. The price begins with a guess."""
    return Objective(price=min(FIRST_LATE_PRICE / allowed_share, HIGHEST_LATE_PRICE))


def learn(objective: Objective, taken: int, late_by: Late, allowed_share: float) -> Objective:
    """Enter requests that were taken, of which some were late. Late requests that nothing within the pool's
    bounds could have served in time don't count as late here."""
    late = late_by.avoidable
    balance = objective.balance + allowed_share * taken - late
    return Objective(
        balance=min(max(balance, LEAST_BALANCE), MOST_BALANCE),
        per_start=objective.per_start,
        since_start=objective.since_start + taken,
        price=_adapt(objective.price, late / allowed_share - taken),
    )


def _adapt(price: float, excess: float) -> float:
    step = min(max(LATE_PRICE_STEP * excess, -LARGEST_LATE_PRICE_STEP), LARGEST_LATE_PRICE_STEP)
    return min(max(price * math.exp(step), LEAST_LATE_PRICE), HIGHEST_LATE_PRICE)


def start_begins(objective: Objective) -> Objective:
    """A start has begun: the requests taken since the last start were served by that one."""
    if not objective.since_start:
        return objective
    step = PER_START_STEP * (objective.since_start - objective.per_start)
    return objective._replace(per_start=max(1.0, objective.per_start + step), since_start=0)
