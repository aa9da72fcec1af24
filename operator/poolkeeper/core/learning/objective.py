"""How much risk a start may take: what the objective allows, corrected by what really happened."""

import math
from typing import NamedTuple

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
    """The account of broken promises.

    `balance` is how many more requests might have been broken so far than were (negative: too many were),
    within bounds. `per_start` is how many requests a start serves on average. `taken`, `late` and
    `capacity_late` count all requests, the last those that only a higher ceiling could have served in time.
    `price` is what one broken request is worth, in starts: it rises while too many are broken.
    """

    balance: float = 0.0
    per_start: float = 1.0
    since_start: int = 0
    taken: int = 0
    late: int = 0
    capacity_late: int = 0
    price: float = 1.0

    def allowance(self, allowed_share: float) -> float:
        """Requests that the next start may be expected to break."""
        return allowed_share * self.per_start * math.exp(RISK_GAIN * self.balance)


def initial(allowed_share: float) -> Objective:
    """Nothing taken yet: a guess of the price, as one that starts far off costs until it has moved."""
    return Objective(price=min(FIRST_LATE_PRICE / allowed_share, HIGHEST_LATE_PRICE))


def learn(objective: Objective, taken: int, late: int, capacity_late: int, allowed_share: float) -> Objective:
    """Enter requests that were taken, some of them too late, by our fault or for want of a higher ceiling."""
    balance = objective.balance + allowed_share * taken - late
    return Objective(
        balance=min(max(balance, LEAST_BALANCE), MOST_BALANCE),
        per_start=objective.per_start,
        since_start=objective.since_start + taken,
        taken=objective.taken + taken,
        late=objective.late + late,
        capacity_late=objective.capacity_late + capacity_late,
        price=_adapt(objective.price, late / allowed_share - taken),
    )


def _adapt(price: float, excess: float) -> float:
    step = min(max(LATE_PRICE_STEP * excess, -LARGEST_LATE_PRICE_STEP), LARGEST_LATE_PRICE_STEP)
    return min(max(price * math.exp(step), LEAST_LATE_PRICE), HIGHEST_LATE_PRICE)


def start_begins(objective: Objective) -> Objective:
    """A start shows in the target: what was taken since the last one belongs to that one."""
    if not objective.since_start:
        return objective
    step = PER_START_STEP * (objective.since_start - objective.per_start)
    return objective._replace(per_start=max(1.0, objective.per_start + step), since_start=0)
