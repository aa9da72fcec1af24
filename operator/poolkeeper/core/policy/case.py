"""What every rule looks at, and what it answers."""

import math
from typing import NamedTuple

from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.bounds import Limits
from poolkeeper.core.policy.sizing import Plan
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
    plan: Plan


class Choice(NamedTuple):
    """One rule's answer; `due_at` is when it may change without news."""

    replicas: int
    reason: Reason
    message: str
    due_at: float = math.inf
