"""Which of the waiting requests no replica will have taken by their deadline.

A decision is made at every poll, with up to 64 buckets of waiting requests. The shortages are therefore kept
as columns with their running maximum, so that a reader can skip a run of them after a look at its end.
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
    sizing_seconds: float
    """The longest start for which there should be enough replicas for all to be in time, in seconds."""


class Late(NamedTuple):
    """Requests of a run that will be late whatever is done."""

    requests: float
    deadline: float
    """By when they should be taken instead."""
    start_seconds: float
    """The start time that this is planned with."""


class Unhelped(NamedTuple):
    """Requests that will be late, and that the present replicas take sooner than a new one would help."""

    requests: float
    """Those that no replica takes by their deadlines."""
    due: int
    """The same, with all that are taken before them."""
    start_seconds: float
    """Seconds that a usual start takes."""
    within_seconds: float
    """The present replicas will have taken all of `due` within so long."""


Run = tuple[int, int, float]
"""Neighbouring buckets that can be in time and are planned with the same start time: index of the first,
index after the last, seconds of the start. A plain tuple, because each decision makes several."""


class Shortages(NamedTuple):
    """By deadline, the requests that no replica will have taken."""

    deadlines: Sequence[float]
    """Unix seconds, never falling."""
    requests: Sequence[float]
    """`requests[i]` of those with a deadline up to `deadlines[i]` are left over."""
    most: Sequence[float]
    """`most[i]` is the largest of `requests` up to i."""
    runs: Sequence[Run]
    """The buckets that can be in time, by the start time that they are planned with."""
    late: Sequence[Late]
    """What can't be in time."""
    first_deadline: float
    """Deadline of the first requests that need a start, late ones included."""
    first_seconds: float
    """The start time that these are planned with."""
    longest_seconds: float
    """The longest start time that those in time are planned with."""
    unhelped: Unhelped | None = None
    """What is left out, because another start would come too late to help."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing falls short."""
        return not self.runs and not self.late


NONE = Shortages(
    deadlines=(),
    requests=(),
    most=(),
    runs=(),
    late=(),
    first_deadline=0.0,
    first_seconds=0.0,
    longest_seconds=0.0,
)


def shortages(now: float, need: Need, capacity: Capacity) -> Shortages:
    """By deadline, how many of the requests that are due no replica will have taken."""
    if not need.waiting:
        return NONE
    if capacity.is_none:
        return _of_all(now, need)
    first = need.waiting[0].arrived_at + need.patience
    taken = capacity.takes(now, first) if first > now else capacity.free
    return NONE if need.cumulative_requests[-1] <= taken else _of_rest(now, need, capacity)


def _of_all(now: float, need: Need) -> Shortages:
    """Where no replica takes requests all are left over, so the runs are found without a look at each
    bucket."""
    waiting, due, patience = need.waiting, need.cumulative_requests, need.patience
    grace, usual_seconds, start_seconds = need.grace, need.usual_seconds, need.start_seconds
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
    # In the order of the fields: keywords take twice as long, and this is done at every decision on a queue.
    return Shortages(deadlines, due, due, runs, late, first_deadline, first_seconds, longest_seconds)


def _of_rest(now: float, need: Need, capacity: Capacity) -> Shortages:
    """What the present replicas leave over.

    Late requests that they will have taken within the grace are left out: another start would come too late
    to help.
    """
    # A hot loop over up to 64 buckets: what it reads often is bound to local names.
    patience, grace = need.patience, need.grace
    usual_seconds, start_seconds = need.usual_seconds, need.start_seconds
    free, ready_rate, has_starting = capacity.free, capacity.ready * capacity.rate, bool(capacity.coming)
    deadlines: list[float] = []
    requests: list[float] = []
    starts: list[float] = []
    late: dict[float, Late] = {}
    seconds = usual = planned_for = taken_late = 0.0
    earliest = now
    first: tuple[float, float] | None = None
    unhelped: Unhelped | None = None
    for bucket, due in zip(need.waiting, need.cumulative_requests, strict=True):
        deadline = bucket[0] + patience
        taken = free + ready_rate * (deadline - now) if deadline > now else free
        if due <= taken:
            continue
        if has_starting and deadline > now:
            taken = capacity.takes(now, deadline)
        short = due - taken
        if short <= 0.0:
            continue
        if short > START_TIME_REUSE_FACTOR * planned_for:
            planned_for, seconds = short, start_seconds(short)
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
            unhelped = Unhelped(short, due, usual, usual + grace)
            continue
        first = first or (deadline, seconds)
    if first is None:
        return NONE._replace(unhelped=unhelped) if unhelped else NONE
    most, longest_seconds = list(accumulate(requests, max)), max(starts, default=0.0)
    first_deadline, first_seconds = first
    return Shortages(
        deadlines=deadlines,
        requests=requests,
        most=most,
        runs=_runs(starts),
        late=list(late.values()),
        first_deadline=first_deadline,
        first_seconds=first_seconds,
        longest_seconds=longest_seconds,
    )


def _runs(starts: Sequence[float]) -> list[Run]:
    """Neighbouring buckets with the same start time."""
    ends = [at for at in range(1, len(starts)) if starts[at] != starts[at - 1]]
    return [(begin, end, starts[begin]) for begin, end in pairwise((0, *ends, len(starts)))] if starts else []
