"""How much of the day's dollars is spent, and when the rest will be at the present rate."""

import math
from typing import NamedTuple

from poolkeeper.core.billing.amounts import HOUR, summed
from poolkeeper.core.billing.books import Day
from poolkeeper.core.billing.meter import Meter, projected
from poolkeeper.core.billing.occupancy import rate

WARNED_SHARE = 0.8
"""From this share of the day's dollars on, the pool is reported to have spent most of them."""


class Allowance(NamedTuple):
    """What a pool may cost a day."""

    micro_dollars: int
    is_capped: bool
    """Whether no replica is started once it is spent."""


class Spending(NamedTuple):
    """The day so far."""

    allowance: Allowance
    spent: float
    """Micro-dollars since the day began."""
    is_known: bool
    """Whether all that was paid for has a price."""
    per_hour: float | None
    """Micro-dollars per hour at this moment; None where a price is not known."""
    warned_at: float
    """When WARNED_SHARE is reached at the present rate; in the past once it is, infinity for not today."""
    spent_at: float
    """When all is spent at the present rate; in the past once it is, infinity for not today."""
    ends_at: float
    """When the next day begins."""

    @property
    def is_spent(self) -> bool:
        """Whether the day's dollars are spent. What is unknown is not: nobody is stopped for a guess."""
        return self.spent >= self.allowance.micro_dollars

    @property
    def is_mostly_spent(self) -> bool:
        """Whether WARNED_SHARE of them is."""
        return self.spent >= WARNED_SHARE * self.allowance.micro_dollars

    @property
    def stops_starts(self) -> bool:
        """Whether no replica may be started until the next day."""
        return self.allowance.is_capped and self.is_spent


def spending(meter: Meter, now: float, day: Day, allowance: Allowance) -> Spending:
    """How much of the allowance is spent at an instant."""
    meter = projected(meter, now, day)
    sums, per_hour = summed(meter.books.today), rate(meter.running, now)
    spent, limit = sums.micro_dollars.paid, allowance.micro_dollars

    def reached_at(amount: float) -> float:
        if spent >= amount:
            return now
        at = now + (amount - spent) / per_hour * HOUR if per_hour else math.inf
        return at if at < day.ends_at else math.inf

    return Spending(
        allowance,
        spent,
        sums.dollars_are_known and per_hour is not None,
        per_hour,
        reached_at(WARNED_SHARE * limit),
        reached_at(limit),
        day.ends_at,
    )


def changes_at(found: Spending, now: float) -> float:
    """When something else is true of the budget although nothing happens."""
    marks = (found.warned_at, found.spent_at, found.ends_at)
    return min(at for at in marks if at > now) if found.ends_at > now else now
