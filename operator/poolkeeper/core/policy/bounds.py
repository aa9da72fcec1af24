"""The floor and the ceiling of this moment."""

import math
from functools import lru_cache
from typing import NamedTuple

from poolkeeper.api.pool import WhenUnattainable, ZeroMode
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import say
from poolkeeper.core.tuning import (
    PROVEN_SAMPLES,
    RETEST_SECONDS,
)
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.observation import QUOTA, Lowered, Observation
from poolkeeper.core.values.spec import PoolSpec

MESSAGE_CACHE_SIZE = 4096
"""Messages that are kept, because they rarely change: some KiB per 10 pools."""


class Limits(NamedTuple):
    """The fewest and the most replicas now, and why the floor is where it is."""

    floor: int
    ceiling: int
    floor_reason: Reason
    floor_message: str
    changes_at: float
    ceiling_by: Lowered | None = None
    """What has lowered the ceiling below the spec's maximum; None where nothing has."""

    @property
    def is_quota(self) -> bool:
        """Whether it is quota that allows no more."""
        return self.ceiling_by is not None and self.ceiling_by.reason == QUOTA.reason


def limits(now: float, spec: PoolSpec, observation: Observation, state: PoolState) -> Limits:
    """The floor and the ceiling of this moment. Quota, and a spent budget, override the floor.

    A pool that is kept warm may stop once it has been up for RETEST_SECONDS and is idle, because only a new
    start can show that starts have become faster.
    """
    starts, ceiling, lowered = state.starts, spec.max_replicas, None
    if observation.ceiling is not None and observation.ceiling < ceiling:
        ceiling, lowered = max(observation.ceiling, 0), observation.ceiling_by
    window = observation.warm_floor
    changes_at = math.inf if window.changes_at is None else window.changes_at
    floor, reason, message = _declared_floor(spec.min_replicas, spec.zero_mode is ZeroMode.NEVER)
    if floor < 1 and keeps_warm(spec, starts) and _up_seconds(now, state) < RETEST_SECONDS:
        floor, reason = 1, Reason.KEPT_WARM
        message = (
            f"kept warm, because a start takes {starts.p95_seconds:.0f} s (p95) and the budget is "
            f"{spec.budget_seconds:g} s"
        )
    if window.replicas > floor:
        floor, reason = window.replicas, Reason.WARM_WINDOW
        message = say.warm_window(window)
    return Limits(floor if floor < ceiling else ceiling, ceiling, reason, message, changes_at, lowered)


def _up_seconds(now: float, state: PoolState) -> float:
    return 0.0 if state.ready_since is None else now - state.ready_since


@lru_cache(maxsize=MESSAGE_CACHE_SIZE)
def _declared_floor(min_replicas: int, is_never_zero: bool) -> tuple[int, Reason, str]:
    if is_never_zero and min_replicas < 1:
        return 1, Reason.AT_FLOOR, "the pool never goes to zero (scaleToZero.mode is Never)"
    return min_replicas, Reason.AT_FLOOR, f"the pool keeps at least {say.count(min_replicas, 'replica')}"


def keeps_warm(spec: PoolSpec, starts: StartTimes) -> bool:
    """Whether the pool asked to be kept warm and its own starts show that it needs to be."""
    if spec.when_unattainable is not WhenUnattainable.KEEP_WARM or starts.samples < PROVEN_SAMPLES:
        return False
    return starts.p95_seconds > spec.budget_seconds
