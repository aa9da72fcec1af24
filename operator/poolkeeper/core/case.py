"""What every rule looks at, and what it answers."""

import math
from typing import NamedTuple

from poolkeeper.core.bounds import Limits
from poolkeeper.core.decision import Reason
from poolkeeper.core.demand import Workload
from poolkeeper.core.observation import Replicas
from poolkeeper.core.sizing import Plan
from poolkeeper.core.spec import PoolSpec
from poolkeeper.core.state import PoolState


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
