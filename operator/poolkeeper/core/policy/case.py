"""What every rule looks at, and what it answers."""

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
    """One call's facts, shared by all rules."""

    now: float
    spec: PoolSpec
    workload: Workload
    state: PoolState
    replicas: Replicas
    limits: Limits
    plan: StartPlan


class Choice(NamedTuple):
    """One rule's answer; `due_at` is when it may change without news."""

    replicas: int
    reason: Reason
    message: str
    due_at: float = math.inf


def is_expecting(case: Case) -> bool:
    """Whether a start ahead of a request that has not come yet is due."""
    return case.state.ahead_at is not None and case.state.ahead_at <= case.now


def confirmed_idle_at(case: Case) -> float:
    """One empty reading may fall between a request's leaving the queue and its being seen in flight."""
    idle_since = case.state.idle_since
    if idle_since is None:
        return math.inf
    poll_seconds = case.spec.poll_seconds
    oldest = min([reading.observed_at for reading in case.workload.readings])
    if oldest > idle_since + SAME_POLL_SHARE * poll_seconds:
        return case.now
    return max(idle_since, case.now) + poll_seconds


def starting_are_unused(case: Case) -> bool:
    """Whether no starting replica can have taken work already, its readiness not being known here yet."""
    if case.workload.is_empty and case.workload.unseen_seconds == 0.0:
        return True
    fastest = 0.5 * case.state.starts.quantiles[0]
    return all(case.now - starting.asked_at < fastest for starting in case.replicas.starting)
