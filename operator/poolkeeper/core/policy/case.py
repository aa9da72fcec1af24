"""What every rule looks at (`Case`), what it answers (`Choice`), and what several rules ask of a case."""

import math
from typing import NamedTuple

from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.bounds import Limits
from poolkeeper.core.policy.sizing import StartPlan
from poolkeeper.core.tuning import SAME_POLL_SHARE
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Replicas
from poolkeeper.core.values.spec import PoolSpec


class Case(NamedTuple):
    """The facts of one call of `decide`, shared by all rules."""

    now: float
    spec: PoolSpec
    workload: Workload
    state: PoolState
    replicas: Replicas
    limits: Limits
    plan: StartPlan


class Choice(NamedTuple):
    """One rule's answer; `due_at` is the instant (Unix seconds) at which it may change without news."""

    replicas: int
    reason: Reason
    message: str
    due_at: float = math.inf


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


def starting_are_unused(case: Case) -> bool:
    """Whether no starting replica can have taken work already.

    A replica may have become ready and taken a request before the pod watch delivered its readiness.
    """
    if case.workload.is_empty and case.workload.unseen_seconds == 0.0:
        return True
    fastest = 0.5 * case.state.starts.quantiles[0]
    return all(case.now - starting.asked_at < fastest for starting in case.replicas.starting)
