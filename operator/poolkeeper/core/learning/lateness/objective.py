"""How much risk a start may take: what the objective leaves after all other causes of lateness, corrected by
the requests that delays made late.

A late request lowers the risk until later requests have paid it back. A forgetting average would stay
permanently above the target.
"""

import math
from typing import NamedTuple

from poolkeeper.core.learning.lateness.promise import Late
from poolkeeper.core.tuning import (
    DELAY_GAIN,
    DELAY_SHARE,
    FIRST_LATE_PRICE,
    HIGHEST_LATE_PRICE,
    LARGEST_LATE_PRICE_STEP,
    LATE_PRICE_STEP,
    LATE_TOGETHER_EXPONENT,
    LEAST_LATE_PER_RESTART,
    LEAST_LATE_PRICE,
    LEAST_RISK_FACTOR,
    MOST_FIRST_LATE_PRICE,
    MOST_RISK_FACTOR,
    OBJECTIVE_MEMORY_REQUESTS,
    PER_START_STEP,
    REMEMBERED_RESTARTS,
    RISK_GAIN,
)

LEAST_BALANCE, MOST_BALANCE = math.log(LEAST_RISK_FACTOR) / RISK_GAIN, math.log(MOST_RISK_FACTOR) / RISK_GAIN

SCALE, DELAYS_SCALE, RESTARTS_SCALE = 1000, 10, 100
"""What the fields are multiplied by before they are saved as integers: those about delays by the second,
those about restarts by the third."""


class Objective(NamedTuple):
    """The balance of late requests, and what follows from it. `lateness.promise` counts them."""

    balance: float = 0.0
    """Requests that might have been late so far, less those that were; bounded. Negative: too many were
    late."""
    per_start: float = 1.0
    """Requests that one start serves on average."""
    since_start: int = 0
    """Requests taken since the last start began."""
    price: float = 1.0
    """What one late request is worth, in starts. It rises while too many requests are late that a replica
    that stays up would have served in time."""
    least_balance: float = 0.0
    """Requests that delays might have made late in any case (DELAY_SHARE), less those that they did;
    bounded."""
    taken: float = 0.0
    """Requests taken lately."""
    other: float = 0.0
    """Those of them that were late by anything but a delay."""
    restarts: int = 0
    """Restarts from zero that the mean below was learned from; bounded."""
    late_per_restart: float = 0.0
    """Requests that one of them makes late, on average."""
    since_restart: int = 0
    """Requests that the present or last restart has made late so far."""

    def left(self, allowed_share: float) -> float:
        """The share of requests that the objective leaves to delays after what else makes requests late.

        Late requests come in clumps, so their standard deviation is left out too. Example: 1 % allowed, 4 of
        1000 requests late by other causes: 1 % - 0.4 % - 0.2 % = 0.4 %.
        """
        if not self.taken:
            return allowed_share
        return max(allowed_share - (self.other + math.sqrt(self.other)) / self.taken, 0.0)

    def allowance(self, allowed_share: float) -> float:
        """Requests that the delay of the next start may be expected to make late.

        Example: 1 % allowed, 5 requests per start, a balance of 0: 0.05 requests, so that one start in 40 may
        make two requests late.
        """
        share = max(
            self.left(allowed_share) * math.exp(RISK_GAIN * self.balance),
            DELAY_SHARE * math.exp(RISK_GAIN * self.least_balance),
        )
        return share * self.per_start

    @property
    def delay_share(self) -> float:
        """The share of the longest delay that a start uses: less while delays make too many requests late.

        It doesn't depend on why they are late, so it also helps where the plan does not see that. Example:
        with two late requests too many a start waits for 37 % of the time that it could.
        """
        return min(math.exp(DELAY_GAIN * max(self.balance, self.least_balance)), 1.0)

    def restart_worth(self, expected: float) -> float:
        """What the requests that the next restart makes late are worth, in starts.

        `expected` is how many these are as far as is known without any restart; it counts as one restart.
        Example: 1 expected, four restarts that made 6 requests late each, a price of 2 starts: 10 starts.
        """
        late = (expected + self.restarts * self.late_per_restart) / (1 + self.restarts)
        return min(self.price * late, _highest_worth(late))


def with_restarts(objective: Objective, restarts: int, late: int) -> Objective:
    """The account with the restarts that were seen, and what each made late times RESTARTS_SCALE."""
    return objective._replace(
        restarts=min(max(restarts, 0), REMEMBERED_RESTARTS), late_per_restart=max(late / RESTARTS_SCALE, 0.0)
    )


def initial(allowed_share: float, *, outlasts: bool = False) -> Objective:
    """No request taken yet. The price begins with a guess; `outlasts` says that starts are expected to
    outlast the budget."""
    most = HIGHEST_LATE_PRICE if outlasts else MOST_FIRST_LATE_PRICE
    return Objective(price=min(FIRST_LATE_PRICE / allowed_share, most))


def from_numbers(
    balance: int, per_start: int, price: int, least_balance: int = 0, taken: int = 0, other: int = 0
) -> Objective:
    """The account of these fields times SCALE, within their bounds. The last three are newer."""
    return Objective(
        balance=min(max(balance / SCALE, LEAST_BALANCE), MOST_BALANCE),
        per_start=max(per_start / SCALE, 1.0),
        price=min(max(price / SCALE, LEAST_LATE_PRICE), HIGHEST_LATE_PRICE),
        least_balance=min(max(least_balance / DELAYS_SCALE, LEAST_BALANCE), MOST_BALANCE),
        taken=max(taken / DELAYS_SCALE, 0.0),
        other=min(max(other, 0), max(taken, 0)) / DELAYS_SCALE,
    )


def learn(objective: Objective, taken: int, late_by: Late, allowed_share: float) -> Objective:
    """Enter requests that were taken, of which some were late. Those that waited for replicas that were not
    admitted move nothing: no start that comes sooner is admitted sooner."""
    late, late_by_stop = late_by.total - late_by.admission, late_by.delay + late_by.start
    balance = objective.balance + allowed_share * taken - late
    least_balance = objective.least_balance + DELAY_SHARE * taken - late_by.delay
    kept = math.exp(-taken / OBJECTIVE_MEMORY_REQUESTS)
    return Objective(
        balance=min(max(balance, LEAST_BALANCE), MOST_BALANCE),
        per_start=objective.per_start,
        since_start=objective.since_start + taken,
        price=_adapt(objective, late_by_stop - allowed_share * taken),
        least_balance=min(max(least_balance, LEAST_BALANCE), MOST_BALANCE),
        taken=kept * objective.taken + taken,
        other=kept * objective.other + late - late_by.delay,
        restarts=objective.restarts,
        late_per_restart=objective.late_per_restart,
        since_restart=objective.since_restart + late_by_stop,
    )


def _adapt(objective: Objective, excess: float) -> float:
    """The price after requests of which `excess` more were late than declared.

    What one restart makes late is one event, however many requests that are. Above the highest worth of a
    restart, the price would only have to come back.
    """
    late = objective.late_per_restart
    step = LATE_PRICE_STEP * excess / max(late, LEAST_LATE_PER_RESTART)
    step = min(max(step, -LARGEST_LATE_PRICE_STEP), LARGEST_LATE_PRICE_STEP)
    return max(min(objective.price * math.exp(step), _highest_worth(late) / max(late, 1.0)), LEAST_LATE_PRICE)


def _highest_worth(late: float) -> float:
    """The highest worth, in starts, of all requests together that one restart makes late.

    It is lower for more requests, of which each costs little where so many share a start: 20 starts for 1
    late request, 16 for 10.
    """
    return HIGHEST_LATE_PRICE * math.pow(max(late, 1.0), -LATE_TOGETHER_EXPONENT)


def restart_ended(objective: Objective) -> Objective:
    """No request waits any more behind the last restart from zero: what it made late is known."""
    restarts = min(objective.restarts + 1, REMEMBERED_RESTARTS)
    step = (objective.since_restart - objective.late_per_restart) / restarts
    return objective._replace(
        restarts=restarts, late_per_restart=objective.late_per_restart + step, since_restart=0
    )


def start_begins(objective: Objective) -> Objective:
    """A start has begun: the requests taken since the last start were served by that one."""
    if not objective.since_start:
        return objective
    step = PER_START_STEP * (objective.since_start - objective.per_start)
    return objective._replace(per_start=max(1.0, objective.per_start + step), since_start=0)
