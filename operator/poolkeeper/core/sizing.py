"""How many more replicas the waiting requests need, and until when their start can wait."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from poolkeeper.core.observation import ArrivalBucket

TOLERANCE_SECONDS = 1.0
"""A start that is late by less still counts as in time: the margin is there for it."""


FULL = 0.7
"""Part of the patience that the queue may be worth when a start is ready."""


class Capacity(NamedTuple):
    """What can take requests: free slots now, ready replicas, and when starting ones will be ready.

    `slots` is a replica's concurrency, `rate` its requests per second when all of them are busy.
    """

    free: float
    ready: int
    ready_at: tuple[float, ...]
    slots: int
    rate: float

    def takes(self, now: float, until: float) -> float:
        """Requests that will have been taken by `until`.

        A starting replica that is late by less than the tolerance counts, as a new one would: otherwise one
        more would be asked for at every look, each in vain.
        """
        total = self.free + self.ready * self.rate * max(0.0, until - now)
        if not self.ready_at:
            return total
        for ready_at in self.ready_at:
            if ready_at < until + TOLERANCE_SECONDS:
                total += self.slots + self.rate * max(0.0, until - ready_at)
        return total


class Plan(NamedTuple):
    """`more` replicas are to be started, no later than `start_at`.

    `late` requests will miss their deadline whatever is done; `deadline` is the first that needs the start.
    """

    more: int
    start_at: float
    deadline: float
    start_seconds: float
    late: int


NOTHING = Plan(0, math.inf, math.inf, 0.0, 0)


class _Shortage(NamedTuple):
    deadline: float
    requests: float
    start_seconds: float
    is_late: bool


def plan(
    now: float,
    waiting: Sequence[ArrivalBucket],
    patience: float,
    capacity: Capacity,
    start_seconds: Callable[[float], float],
    grace: float,
    growth: float,
    most: int,
) -> Plan:
    """The fewest replicas with which every request is taken within `patience` of its arrival.

    `start_seconds(n)` is the start time to reckon with where n requests depend on it. With the number fixed,
    the start waits as long as that number still suffices, or the `most` that may be added where these are
    fewer, also if the queue goes on growing by `growth` requests per second: those that come last must not
    find more before them than their patience lasts. Who looks again just after the start was due finds that
    the number still suffices; otherwise the start would be put off again and again, for more replicas each
    time. Requests whose deadline no start can meet are planned to be taken within `grace` after the start.
    """
    shortages = _shortages(now, waiting, patience, capacity, start_seconds, grace)
    if not shortages:
        return NOTHING
    more, late = 1, 0.0
    for shortage in shortages:
        room = shortage.deadline - now - shortage.start_seconds + TOLERANCE_SECONDS
        if shortage.is_late:
            late = shortage.requests
        more = max(
            more, math.ceil(shortage.requests / (capacity.slots + capacity.rate * max(room, 0.0)) - 1e-9)
        )
    first, added = shortages[0], max(min(more, most), 1)
    start_at = now if late else min(_latest_start(shortage, added, capacity) for shortage in shortages)
    if growth > 0.0:
        queued = sum(bucket.requests for bucket in waiting)
        room = FULL * patience * capacity.rate * (capacity.ready + len(capacity.ready_at) + added) - queued
        start_at = min(start_at, now + room / growth - first.start_seconds)
    return Plan(more, start_at, first.deadline, first.start_seconds, math.ceil(late))


def _shortages(
    now: float,
    waiting: Sequence[ArrivalBucket],
    patience: float,
    capacity: Capacity,
    start_seconds: Callable[[float], float],
    grace: float,
) -> list[_Shortage]:
    """By deadline, how many of the requests due until then nobody will have taken.

    Where no start can meet the deadline, it is moved to `grace` after the earliest that one can be ready: if
    the replicas that there are will have taken them by then, another one would come too late to help.
    """
    shortages: list[_Shortage] = []
    due = 0
    free, ready_rate = capacity.free, capacity.ready * capacity.rate
    seconds = reckoned_with = taken_late = 0.0
    earliest = now
    for arrived_at, requests in waiting:
        due += requests
        deadline = arrived_at + patience
        if deadline >= now and due <= free + ready_rate * (deadline - now):
            continue
        requests_short = due - (capacity.takes(now, deadline) if deadline > now else free)
        if requests_short <= 0.0:
            continue
        if requests_short > 2.0 * reckoned_with:
            reckoned_with = requests_short
            seconds = start_seconds(requests_short)
            earliest = now + seconds
            taken_late = capacity.takes(now, earliest + grace)
        is_late = deadline < earliest - TOLERANCE_SECONDS
        if is_late:
            deadline = earliest + grace
            requests_short = due - taken_late
            if requests_short <= 0.0:
                continue
        shortages.append(_Shortage(deadline, requests_short, seconds, is_late))
    return shortages


def _latest_start(shortage: _Shortage, more: int, capacity: Capacity) -> float:
    """When `more` replicas must be asked for to take these requests by their deadline."""
    work_seconds = max(0.0, shortage.requests / more - capacity.slots) / capacity.rate
    return shortage.deadline - work_seconds - shortage.start_seconds
