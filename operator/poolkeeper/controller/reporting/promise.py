"""What users read of the promise: how many requests were taken within the budget, and what made the others
late.

A request that still waits beyond its budget counts as late already, so that a pool that takes nothing doesn't
look perfect.
"""

import math
from collections.abc import Iterator

from poolkeeper.api.status import PromiseStatus
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.learning.lateness.causes import late_among
from poolkeeper.core.learning.lateness.promise import NOT_LATE, WINDOWS, Late, Tally
from poolkeeper.core.values.observation import ArrivalBucket, Reading

_HELD_BY = {
    "gate": "gate",
    "refused": "quota refused",
    "no_node": "no node",
    "provisioning": "node being made",
    "unadmitted": "other",
}
"""What kept replicas from being admitted, in words, by the field of late requests."""
MOST_DECIMALS = 10_000
"""Shares are given in hundredths of a percent, rounded down: 100 % is said only where none was late."""


def waiting_late(pool: Pool, now: float) -> Late:
    """Requests that wait beyond their budget, by what keeps them, as far as sources show them."""
    late = NOT_LATE
    if pool.resolved is not None and pool.state is not None:
        for waiting in _waiting(pool):
            late = late.plus(late_among(waiting, math.inf, now, pool.resolved, pool.state.obstacles))
    return late


def promise_status(pool: Pool) -> PromiseStatus | None:
    """The shares of the last hour, day and 30 days; None while no request was seen to be taken or late.

    The windows end when a request was last taken or became late: if they ended now, the status of an idle
    pool would have to be written as requests leave them.
    """
    spec, state = pool.resolved, pool.state
    if spec is None or state is None:
        return None
    still, deadlines = waiting_late(pool, state.clock), _deadlines(pool, spec.budget_seconds)
    until = max([state.promise.counted_at, *(at for at in deadlines if at < state.clock)])
    hour, day, month = (_line(state.promise.over(window, until), still) for window in WINDOWS)
    if month is None:
        return None
    return PromiseStatus(
        objective=f"{spec.objective_percent:g} % within {spec.budget_seconds:g} s",
        last_hour=hour,
        last_day=day,
        last_30_days=month,
        until=format_timestamp(until),
    )


def _waiting(pool: Pool) -> Iterator[tuple[ArrivalBucket, ...]]:
    """What waits in each source that is known."""
    for demand in pool.observation.demand if pool.observation else ():
        if isinstance(demand, Reading):
            yield demand.waiting


def _deadlines(pool: Pool, budget_seconds: float) -> Iterator[float]:
    return (bucket.arrived_at + budget_seconds for waiting in _waiting(pool) for bucket in waiting)


def _line(taken: Tally, still: Late) -> str | None:
    """One window in words. Example: 99.19 % of 1,240 requests in time; late: 8 by delay, 2 by ceiling."""
    waiting, late = still.total, taken.late.plus(still)
    requests = taken.taken + waiting
    if not requests:
        return None
    in_time = max(requests - late.total, 0) * MOST_DECIMALS // requests / 100
    words = f"{in_time:g} % of {requests:,} {'request' if requests == 1 else 'requests'} in time"
    if not late.total:
        return words
    return f"{words}; late: {causes_in_words(late)}" + (
        f"; {waiting:,} of them still wait" if waiting else ""
    )


def causes_in_words(late: Late) -> str:
    """What made requests late. Example: 8 by delay, 5 by admission (3 gate, 2 no node)."""
    causes = [
        f"{number:,} by {cause}"
        for cause, number in zip(Late._fields, late, strict=True)
        if number and cause not in _HELD_BY
    ]
    held = [(getattr(late, field), words) for field, words in _HELD_BY.items() if getattr(late, field)]
    if len(held) == 1:
        causes.append(f"{late.admission:,} by admission ({held[0][1]})")
    elif held:
        by = ", ".join(f"{number:,} {words}" for number, words in held)
        causes.append(f"{late.admission:,} by admission ({by})")
    return ", ".join(causes)
