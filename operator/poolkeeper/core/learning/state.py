"""What `decide` remembers of a pool between two calls."""

import math
from typing import NamedTuple

from poolkeeper.core.learning import gaps, objective, start_time
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.load import Load
from poolkeeper.core.learning.objective import Objective
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.start_time import StartSample, StartTimes
from poolkeeper.core.values.observation import Reading
from poolkeeper.core.values.spec import PoolSpec


class PoolState(NamedTuple):
    """Everything that `decide` remembers between two calls.

    `clock` is the latest instant seen. `readings` are the last believed ones, to see what has moved since.
    `idle_since` is None while there is work or demand is unknown; `idle_seconds` is how long idling
    that began then pays; `worked_at` is when work was last seen.
    `ahead_at` is when to start, at zero, for a request that is only expected (None: not settled).
    `ready_since` is since when any replica has been ready, `full_since` all that there may be; `desired` is
    the last number read.
    """

    clock: float
    starts: StartTimes
    gaps: Gaps
    service: ServiceRate = ServiceRate()
    load: Load = Load()
    objective: Objective = Objective()
    readings: tuple[Reading, ...] = ()
    idle_since: float | None = None
    idle_seconds: float | None = None
    worked_at: float = -math.inf
    ready_since: float | None = None
    full_since: float | None = None
    ahead_at: float | None = None
    desired: int | None = None


def initial_state(now: float, spec: PoolSpec) -> PoolState:
    """The state of a pool that has never been seen."""
    return PoolState(
        clock=now,
        worked_at=now,
        starts=start_time.initial(spec.start_prior_seconds),
        gaps=gaps.initial(),
        objective=objective.initial(spec.allowed_share),
    )


def learn(state: PoolState, sample: StartSample) -> PoolState:
    """Enter one start of the pool, as far as it has come. A start that is delivered twice counts once."""
    starts = start_time.enter(state.starts, sample)
    return state if starts is state.starts else state._replace(starts=starts)
