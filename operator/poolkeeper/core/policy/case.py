"""What every rule looks at (`Case`), what it answers (`Choice`), and what several rules ask of a case."""

import math
from typing import NamedTuple

from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.bounds import Limits
from poolkeeper.core.policy.sizing import StartPlan
from poolkeeper.core.tuning import LEAST_OVERDUE_SECONDS, OVERDUE_FACTOR, SAME_POLL_SHARE
from poolkeeper.core.values.decision import Reason, Trouble
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec

_REVOCABLE = frozenset({Stage.UNADMITTED})
_IDLE_REVOCABLE = frozenset({Stage.UNADMITTED, Stage.NO_CONTAINER})


class Case(NamedTuple):
    """The facts of one call of `decide`, shared by all rules."""

    now: float
    spec: PoolSpec
    workload: Workload
    state: PoolState
    replicas: Replicas
    limits: Limits
    plan: StartPlan
    failing: tuple[StartingReplica, ...]
    """The starting replicas that can't get ready as they are, or take far longer than starts do."""
    coming: tuple[StartingReplica, ...]
    """The other starting replicas."""
    trouble: Trouble | None
    """What a start suffers from now."""
    start_seconds: float
    """How long a start that is made now should take; 0 where there is no work, as nothing is started then."""


class Choice(NamedTuple):
    """One rule's answer; `due_at` is the instant (Unix seconds) at which it may change without news, and
    `explain_at` the one at which its message should be made again."""

    replicas: int
    reason: Reason
    message: str
    due_at: float = math.inf
    explain_at: float | None = None


def is_expecting(case: Case) -> bool:
    """Whether it is time to start for a request that is expected but has not come."""
    return case.state.ahead_at is not None and case.state.ahead_at <= case.now


def confirmed_idle_at(case: Case) -> float:
    """The instant at which an empty pool is believed to be idle: at the second empty poll.

    One empty reading may fall between the instant at which a request leaves the queue and the one at which it
    is seen in flight.
    """
    idle_since = case.state.idle_since
    if idle_since is None:
        return math.inf
    poll_seconds = case.spec.poll_seconds
    oldest = min([reading.observed_at for reading in case.workload.readings])
    if oldest > idle_since + SAME_POLL_SHARE * poll_seconds:
        return case.now
    return max(idle_since, case.now) + poll_seconds


def unseen_until(case: Case) -> float:
    """Until when a request may be in flight that no source shows; in the past if none can be."""
    return max(case.state.worked_at + case.workload.unseen_seconds, taken_up_until(case))


def taken_up_until(case: Case) -> float:
    """Until when an orphaned request may be worked on that was taken up again unseen; minus infinity if none
    can be."""
    return -math.inf if case.workload.touched is None else case.workload.touched.until


def revocable(case: Case) -> int:
    """How many replicas can be taken back now although they were asked for: none that can have taken work.

    One without a node can't have. One without a running container can't have either, but what is known of
    pods may be a moment old, so that it only counts while there is no work that it could have taken. One
    whose container runs may work, whether it is Ready or not.
    """
    is_surely_idle = case.workload.is_empty and unseen_until(case) <= case.now
    furthest = _IDLE_REVOCABLE if is_surely_idle else _REVOCABLE
    return sum([starting.reached in furthest for starting in case.replicas.starting])


def overdue_seconds(starts: StartTimes) -> float:
    """The age from which on a start takes longer than starts do."""
    usual_seconds = starts.ended_p95_seconds
    return max(OVERDUE_FACTOR * usual_seconds, usual_seconds + LEAST_OVERDUE_SECONDS)


def overdue_at(starting: StartingReplica, starts: StartTimes) -> float:
    """From when on a start takes longer than starts do; never while it waits to be admitted."""
    if starting.begun_at is None:
        return math.inf
    return starting.begun_at + overdue_seconds(starts)


def longest_load_seconds(starts: StartTimes) -> float:
    """For how long a replica may be loading, although its start is overdue: a load that is cut off is paid
    twice.

    After one start of 60 s, that is 230 s; after twelve of 60 to 72 s, it is 93 s.
    """
    return max(starts.ended_slowest_seconds, overdue_seconds(starts))


def is_loading(now: float, starting: StartingReplica, longest_seconds: float) -> bool:
    """Whether a replica is under way to become ready, as far as can be seen; never over while the replica
    waits to be admitted."""
    begun_at = starting.begun_at
    is_over = begun_at is not None and now >= begun_at + longest_seconds
    return not is_over and not starting.failure and starting.is_under_way(now)


def loading(case: Case) -> list[StartingReplica]:
    """The replicas that are under way to become ready."""
    if not case.replicas.starting:
        return []
    now, longest_seconds = case.now, longest_load_seconds(case.state.starts)
    return [each for each in case.replicas.starting if is_loading(now, each, longest_seconds)]
