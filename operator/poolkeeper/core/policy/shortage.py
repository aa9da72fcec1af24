"""Which of the waiting requests nobody will have taken by their deadline.

A decision is made at every poll, with up to 64 buckets of waiting requests. What falls short is therefore
kept as columns with their running maximum: whoever reckons with them can pass over many by looking at the
ends.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from poolkeeper.core.policy.capacity import Capacity
from poolkeeper.core.tuning import (
    LATE_START_TOLERANCE_SECONDS,
    START_TIME_REUSE_FACTOR,
)
from poolkeeper.core.values.observation import ArrivalBucket


class Need(NamedTuple):
    """Requests that wait, and by when a replica must take them."""

    waiting: Sequence[ArrivalBucket]
    """By arrival, oldest first."""
    cumulative_requests: Sequence[int]
    """`cumulative_requests[i]` requests are in the buckets up to and including bucket i."""
    patience: float
    """Seconds from its arrival within which a request must be taken: the budget less the safety margin."""
    grace: float
    """If no start can meet the deadline, plan for this many seconds after a *usual* start. A pessimistic
    start time here would make existing replicas look sufficient."""
    usual_seconds: float
    """Seconds that a usual start takes. Replicas that are starting must be planned with the same time, or
    each look would ask for more."""
    start_seconds: Callable[[float], float]
    """Seconds of start time to plan with when this many requests depend on the start."""


class Late(NamedTuple):
    """Requests of a run that may miss their deadline whatever is done, and the one they get instead."""

    requests: float
    deadline: float
    start_seconds: float


Run = tuple[int, int, float]
"""Neighbours that can be in time and are reckoned with the same start: the first, the one after the last, and
the seconds of the start. Plain, since there are several in each decision."""


class Shortages(NamedTuple):
    """Of the requests due by `deadlines[i]`, which never fall, nobody will have taken `requests[i]`.

    `most[i]` is the greatest of these up to i. `first_deadline` is that of the first that need a start, late
    ones included, and `first_seconds` the start to reckon with for them; `longest_seconds` is the longest
    that those in time are reckoned with.
    """

    deadlines: Sequence[float]
    requests: Sequence[float]
    most: Sequence[float]
    runs: Sequence[Run]
    late: Sequence[Late]
    first_deadline: float
    first_seconds: float
    longest_seconds: float

    @property
    def is_empty(self) -> bool:
        """Whether nothing falls short."""
        return not self.runs and not self.late


NONE = Shortages((), (), (), (), (), 0.0, 0.0, 0.0)


def shortages(now: float, need: Need, capacity: Capacity) -> Shortages:
    """By deadline, how many of the requests due until then nobody will have taken."""
    if not need.waiting:
        return NONE
    if capacity.is_none:
        return _of_all(now, need)
    first = need.waiting[0].arrived_at + need.patience
    taken = capacity.takes(now, first) if first > now else capacity.free
    return NONE if need.cumulative_requests[-1] <= taken else _of_rest(now, need, capacity)


def _of_all(now: float, need: Need) -> Shortages:
    """Where nothing takes requests all fall short, so that the runs are found without a look at each."""
    waiting, due, patience, grace, usual_seconds, start_seconds = need
    deadlines = [bucket[0] + patience for bucket in waiting]
    runs: list[Run] = []
    late: list[Late] = []
    begin = bisect_right(due, 0)
    first_deadline = first_seconds = longest_seconds = 0.0
    while begin < len(due):
        end = bisect_right(due, START_TIME_REUSE_FACTOR * due[begin], begin)
        seconds = start_seconds(due[begin])
        earliest, usual = now + seconds, min(seconds, usual_seconds)
        is_late = deadlines[begin] < earliest - LATE_START_TOLERANCE_SECONDS
        if not first_seconds:
            first_deadline, first_seconds = now + usual + grace if is_late else deadlines[begin], seconds
        if is_late:
            begin = bisect_left(deadlines, earliest - LATE_START_TOLERANCE_SECONDS, begin, end)
            late.append(Late(due[begin - 1], now + usual + grace, usual))
        if begin < end:
            runs.append((begin, end, seconds))
            longest_seconds = seconds if seconds > longest_seconds else longest_seconds
        begin = end
    return Shortages(deadlines, due, due, runs, late, first_deadline, first_seconds, longest_seconds)


def _of_rest(now: float, need: Need, capacity: Capacity) -> Shortages:
    """What the replicas that there are leave to others.

    If they will have taken by the grace what no start can save, another one would come too late to help.
    """
    waiting, dues, patience, grace, usual_seconds, start_seconds = need
    free, ready_rate, has_starting = capacity.free, capacity.ready * capacity.rate, bool(capacity.ready_at)
    deadlines: list[float] = []
    requests: list[float] = []
    starts: list[float] = []
    late: dict[float, Late] = {}
    seconds = usual = reckoned_with = taken_late = 0.0
    earliest = now
    first: tuple[float, float] | None = None
    for bucket, due in zip(waiting, dues, strict=True):
        deadline = bucket[0] + patience
        taken = free + ready_rate * (deadline - now) if deadline > now else free
        if due <= taken:
            continue
        if has_starting and deadline > now:
            taken = capacity.takes(now, deadline)
        short = due - taken
        if short <= 0.0:
            continue
        if short > START_TIME_REUSE_FACTOR * reckoned_with:
            reckoned_with, seconds = short, start_seconds(short)
            earliest, usual = now + seconds, min(seconds, usual_seconds)
            taken_late = capacity.takes(now, now + usual + grace)
        if deadline >= earliest - LATE_START_TOLERANCE_SECONDS:
            deadlines.append(deadline)
            requests.append(short)
            starts.append(seconds)
        elif due > taken_late:
            deadline = now + usual + grace
            late[seconds] = Late(due - taken_late, deadline, usual)
        else:
            continue
        first = first or (deadline, seconds)
    if first is None:
        return NONE
    most, longest_seconds = list(accumulate(requests, max)), max(starts, default=0.0)
    return Shortages(deadlines, requests, most, _runs(starts), list(late.values()), *first, longest_seconds)


def _runs(starts: Sequence[float]) -> list[Run]:
    """Neighbours with the same start."""
    ends = [at for at in range(1, len(starts)) if starts[at] != starts[at - 1]]
    return [(begin, end, starts[begin]) for begin, end in pairwise((0, *ends, len(starts)))] if starts else []
