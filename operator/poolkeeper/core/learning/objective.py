"""How much risk a start may take: what the objective allows, corrected by what really happened."""

import math
from typing import NamedTuple

MOST_RISK = 0.5
GAIN = 0.1
"""By how much, as a logarithm, one request that was broken too many lowers the risk that a start may take.

It stays lowered until the requests kept since then have made up for it: with a risk that follows the balance
of the last requests only, more are broken for ever than were allowed, by as many as it takes to keep the
balance where it must be.
"""
LEAST_FACTOR, MOST_FACTOR = 0.05, 4.0
"""Bounds of that, so that a balance from other times is made up for within reach."""
LEAST_BALANCE, MOST_BALANCE = math.log(LEAST_FACTOR) / GAIN, math.log(MOST_FACTOR) / GAIN
RUN_STEP = 0.1
PRICE_STEP = 0.0001
LARGEST_STEP = 0.3
FIRST_PRICE = 0.05
"""What one broken request is worth at first, in starts, where all may be broken; less allowed, more worth."""
LEAST_PRICE, HIGHEST_PRICE = 0.05, 20.0


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
        return allowed_share * self.per_start * math.exp(GAIN * self.balance)


def initial(allowed_share: float) -> Objective:
    """Nothing taken yet: a guess of the price, as one that starts far off costs until it has moved."""
    return Objective(price=min(FIRST_PRICE / allowed_share, HIGHEST_PRICE))


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
    step = min(max(PRICE_STEP * excess, -LARGEST_STEP), LARGEST_STEP)
    return min(max(price * math.exp(step), LEAST_PRICE), HIGHEST_PRICE)


def start_begins(objective: Objective) -> Objective:
    """A start shows in the target: what was taken since the last one belongs to that one."""
    if not objective.since_start:
        return objective
    step = RUN_STEP * (objective.since_start - objective.per_start)
    return objective._replace(per_start=max(1.0, objective.per_start + step), since_start=0)
