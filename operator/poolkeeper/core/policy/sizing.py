"""How many more replicas the waiting requests need, and how long their start can wait."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.core.policy.capacity import Capacity
from poolkeeper.core.policy.shortage import Late, Need, Shortages, Unhelped, shortages
from poolkeeper.core.tuning import (
    LATE_START_TOLERANCE_SECONDS,
    QUEUE_FILL_LIMIT,
)


class StartPlan(NamedTuple):
    """What the waiting requests need beyond the present replicas."""

    more: int
    """Replicas to start."""
    start_at: float
    """The latest instant of that start, in Unix seconds."""
    deadline: float
    """The first deadline that needs it."""
    start_seconds: float
    """The start time that it is planned with."""
    late: int
    """Requests that will be late whatever is done."""
    unhelped: int = 0
    """Requests that will be late and that no start would make faster; then nothing more is planned."""
    taken_in: float = 0.0
    """Seconds in which the present replicas are expected to have taken those."""


TAKING_HALVINGS = 8
"""Halvings of the time in which the present replicas take requests: it is shown in whole seconds."""
NOTHING = StartPlan(more=0, start_at=math.inf, deadline=math.inf, start_seconds=0.0, late=0)


def plan(now: float, need: Need, capacity: Capacity, growth: float, most: int) -> StartPlan:
    """The fewest replicas with which every request is taken in time, and the latest instant to start them.

    The number comes first. Then the start waits for as long as that number (or `most`, if fewer may be added)
    still suffices, because one start serves everything that arrives meanwhile. If the queue grows by `growth`
    requests per second, the start must also come before the last of the queue would be late. A look just
    after the start was due must find the same number, or the start would be delayed again and again for more
    replicas each time. Requests whose deadline no start can meet are planned to be taken within the grace
    after a usual start.

    Example: a budget of 60 s with a margin of 1 s, a start of 40 s and one request that has waited 5 s: 1
    replica, in 60 - 1 - 5 - 40 = 14 s at the latest.
    """
    short = shortages(now, need, capacity)
    if short.is_empty:
        return _without_start(now, short.unhelped, capacity) if short.unhelped else NOTHING
    more = _replicas_for_late(now, short.late, capacity) if short.late else 1
    more = _replicas(now, short, capacity, more, need.sizing_seconds) if short.runs else more
    added = max(min(more, most), 1)
    start_at = now if short.late else _latest_start(short, added, capacity)
    if growth > 0.0:
        replicas = capacity.ready + sum([batch.replicas for batch in capacity.coming]) + added
        room = QUEUE_FILL_LIMIT * need.patience * capacity.rate * replicas - need.cumulative_requests[-1]
        start_at = min(start_at, now + room / growth - short.first_seconds)
    late = math.ceil(short.late[-1].requests) if short.late else 0
    return StartPlan(
        more=more,
        start_at=start_at,
        deadline=short.first_deadline,
        start_seconds=short.first_seconds,
        late=late,
    )


def _without_start(now: float, unhelped: Unhelped, capacity: Capacity) -> StartPlan:
    """What the present replicas do with requests that a start would come too late for."""
    shorter, longer = 0.0, unhelped.within_seconds
    for _ in range(TAKING_HALVINGS):
        middle = 0.5 * (shorter + longer)
        if capacity.takes(now, now + middle) >= unhelped.due:
            longer = middle
        else:
            shorter = middle
    requests = math.ceil(unhelped.requests)
    return NOTHING._replace(start_seconds=unhelped.start_seconds, unhelped=requests, taken_in=longer)


def _replicas_for_late(now: float, late: Sequence[Late], capacity: Capacity) -> int:
    """The fewest replicas, started now, with which all late requests are taken within the grace."""
    takes = capacity.takes_within
    shares = [
        requests / takes(deadline - now - seconds + LATE_START_TOLERANCE_SECONDS)
        for requests, deadline, seconds in late
    ]
    return max(1, math.ceil(max(shares) - 1e-9))


def _replicas(now: float, short: Shortages, capacity: Capacity, needed: int, sizing_seconds: float) -> int:
    """The fewest replicas, at least `needed`, with which all other requests are taken by their deadlines.

    One more replica costs a whole start, so the number is planned with `sizing_seconds`, a start time that
    is exceeded more often than the one for which the start is early enough. Example: 30 requests, a budget of
    120 s and starts of 90 s, of which one in 6,000 takes 115 s: planned with 115 s, the requests would get a
    slot each.

    Runs are looked at from the last to the first. The most that a run and those before it could need is for
    all of their requests by the first deadline with the longest start. Where `needed` suffice for that, the
    rest is skipped.
    """
    deadlines, requests, most = short.deadlines, short.requests, short.most
    takes = capacity.takes_within
    least_taken = takes(deadlines[0] - now - short.longest_seconds + LATE_START_TOLERANCE_SECONDS)
    for begin, end, seconds in reversed(short.runs):
        if most[end - 1] <= needed * least_taken:
            break
        seconds = min(seconds, sizing_seconds)
        shares = [
            requests[at] / takes(deadlines[at] - now - seconds + LATE_START_TOLERANCE_SECONDS)
            for at in range(begin, end)
        ]
        needed = max(needed, math.ceil(max(shares) - 1e-9))
    return needed


def _latest_start(short: Shortages, added: int, capacity: Capacity) -> float:
    """The latest instant to start `added` replicas that take all requests by their deadlines; none is late.

    Runs are looked at from the last to the first. The soonest that a run and those before it could need the
    replicas is for all of their requests by the first deadline with the longest start. Where that is no
    sooner than what is known already, the rest is skipped.
    """
    deadlines, requests, most = short.deadlines, short.requests, short.most
    seconds_for, latest = capacity.seconds_for, math.inf
    for begin, end, seconds in reversed(short.runs):
        if deadlines[0] - seconds_for(most[end - 1] / added) - short.longest_seconds >= latest:
            break
        starts = [deadlines[at] - seconds_for(requests[at] / added) - seconds for at in range(begin, end)]
        latest = min(latest, min(starts))
    return latest
