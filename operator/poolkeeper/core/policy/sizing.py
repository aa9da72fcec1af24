"""How many more replicas the waiting requests need, and until when their start can wait."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.core.policy.capacity import Capacity
from poolkeeper.core.policy.shortage import Late, Need, Shortages, shortages
from poolkeeper.core.tuning import (
    LATE_START_TOLERANCE_SECONDS,
    QUEUE_FILL_LIMIT,
)


class StartPlan(NamedTuple):
    """`more` replicas are to be started, no later than `start_at`.

    `late` requests will miss their deadline whatever is done; `deadline` is the first that needs the start.
    """

    more: int
    start_at: float
    deadline: float
    start_seconds: float
    late: int


NOTHING = StartPlan(0, math.inf, math.inf, 0.0, 0)


def plan(now: float, need: Need, capacity: Capacity, growth: float, most: int) -> StartPlan:
    """The fewest replicas with which every request is taken in time.

    With the number fixed, the start waits as long as that number still suffices, or the `most` that may be
    added where these are fewer, also if the queue goes on growing by `growth` requests per second: those that
    come last must not find more before them than their patience lasts. Who looks again just after the start
    was due finds that the number still suffices; otherwise the start would be put off again and again, for
    more replicas each time. Requests whose deadline no start is sure to meet are planned to be taken within
    the grace after a usual start.
    """
    short = shortages(now, need, capacity)
    if short.is_empty:
        return NOTHING
    more = _replicas_for_late(now, short.late, capacity) if short.late else 1
    more = _replicas(now, short, capacity, more) if short.runs else more
    added = max(min(more, most), 1)
    start_at = now if short.late else _latest_start(short, added, capacity)
    if growth > 0.0:
        replicas = capacity.ready + len(capacity.ready_at) + added
        room = QUEUE_FILL_LIMIT * need.patience * capacity.rate * replicas - need.cumulative_requests[-1]
        start_at = min(start_at, now + room / growth - short.first_seconds)
    late = math.ceil(short.late[-1].requests) if short.late else 0
    return StartPlan(more, start_at, short.first_deadline, short.first_seconds, late)


def _replicas_for_late(now: float, late: Sequence[Late], capacity: Capacity) -> int:
    """The fewest replicas with which all that is late is taken within the grace, asked for now."""
    slots, rate = capacity.slots, capacity.rate
    shares = [
        requests / (slots + rate * max(deadline - now - seconds + LATE_START_TOLERANCE_SECONDS, 0.0))
        for requests, deadline, seconds in late
    ]
    return max(1, math.ceil(max(shares) - 1e-9))


def _replicas(now: float, short: Shortages, capacity: Capacity, needed: int) -> int:
    """The fewest replicas, `needed` anyway, with which all the others are taken by their deadlines.

    A run and those before it would need the most for all of their requests by the first deadline, with the
    longest start: where `needed` are enough for that, nothing before matters.
    """
    deadlines, requests, most = short.deadlines, short.requests, short.most
    slots, rate = capacity.slots, capacity.rate
    least_room = deadlines[0] - now - short.longest_seconds + LATE_START_TOLERANCE_SECONDS
    least_taken = slots + rate * least_room if least_room > 0.0 else slots
    for begin, end, seconds in reversed(short.runs):
        if most[end - 1] <= needed * least_taken:
            break
        shares = [
            requests[at]
            / (slots + rate * max(deadlines[at] - now - seconds + LATE_START_TOLERANCE_SECONDS, 0.0))
            for at in range(begin, end)
        ]
        needed = max(needed, math.ceil(max(shares) - 1e-9))
    return needed


def _latest_start(short: Shortages, added: int, capacity: Capacity) -> float:
    """When `added` replicas must be asked for to take all requests by their deadlines; none is late.

    A run and those before it would need them soonest for all of their requests by the first deadline, with
    the longest start: where that is no sooner than is known already, nothing before matters.
    """
    deadlines, requests, most = short.deadlines, short.requests, short.most
    slots, rate, latest = capacity.slots, capacity.rate, math.inf
    for begin, end, seconds in reversed(short.runs):
        work = most[end - 1] / added - slots
        if deadlines[0] - (work / rate if work > 0.0 else 0.0) - short.longest_seconds >= latest:
            break
        starts = [
            deadlines[at] - (work / rate if (work := requests[at] / added - slots) > 0.0 else 0.0) - seconds
            for at in range(begin, end)
        ]
        latest = min(latest, min(starts))
    return latest
