"""What `decide` remembers of a pool between two calls."""

import math
from typing import NamedTuple

from poolkeeper.core.learning import gaps
from poolkeeper.core.learning.delay import Delay
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.lateness import objective
from poolkeeper.core.learning.lateness.always_on import AlwaysOn
from poolkeeper.core.learning.lateness.causes import Obstacles
from poolkeeper.core.learning.lateness.objective import Objective
from poolkeeper.core.learning.lateness.promise import Promise
from poolkeeper.core.learning.load import Load
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.silence import Silence
from poolkeeper.core.learning.starts import admission, start_time
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.starts.arms import NO_ARMS, Arms
from poolkeeper.core.learning.starts.attempts import Attempts
from poolkeeper.core.learning.starts.start_time import StartSample, StartTimes
from poolkeeper.core.values.excess import NO_EXCESS, Excess
from poolkeeper.core.values.observation import Reading
from poolkeeper.core.values.spec import PoolSpec


class SeenIdle(NamedTuple):
    """The idle time of a pool as it is saved."""

    seconds: float
    """How long the queues were seen to be empty, from the first empty reading to the last one."""
    keep_seconds: float | None
    """The keep-warm time that was computed for this idle time; None before that."""
    trail: int
    """Checksum of what the sources showed of their past. After work that no operator saw it is another one,
    where the source can tell."""


class PoolState(NamedTuple):
    """Everything that `decide` remembers between two calls. Instants are Unix seconds."""

    clock: float
    """The latest instant seen."""
    starts: StartTimes
    gaps: Gaps
    service: ServiceRate = ServiceRate()
    load: Load = Load()
    objective: Objective = Objective()
    promise: Promise = Promise()
    readings: tuple[Reading, ...] = ()
    """The last believed ones, to see what has moved since."""
    idle_since: float | None = None
    """None while there is work or demand is unknown."""
    idle_seconds: float | None = None
    """The keep-warm time of the present idle time; None until it is computed."""
    worked_at: float = -math.inf
    """When work was last seen."""
    ready_since: float | None = None
    """Since when any replica has been ready."""
    obstacles: Obstacles = Obstacles()
    """What may have kept requests waiting besides starts, and when."""
    ahead_at: float | None = None
    """At zero, when to start for a request that is only expected; None until it is computed."""
    desired: int | None = None
    """The last number of replicas read."""
    excess: Excess = NO_EXCESS
    """Requests in flight that no replica can be working on."""
    silence: Silence = Silence()
    """Which sources' silence is not believed."""
    idle_before: SeenIdle | None = None
    """Idle time that was seen before a restart, until it is known whether it goes on; None otherwise."""
    ready: int | None = None
    """The last number of ready replicas; None before the first look."""
    attempts: Attempts = Attempts()
    """Starts in a row that did not succeed."""
    always_on: AlwaysOn = AlwaysOn()
    """What would be late if all replicas were always ready."""
    delay: Delay | None = None
    """For how long the start that waits now may wait; None before one did."""
    admission: Admission = Admission()
    """How long replicas wait to be admitted, by what holds them."""
    arms: Arms = NO_ARMS
    """What is known of the classes of a pool with fallbacks."""


def initial_state(now: float, spec: PoolSpec) -> PoolState:
    """The state of a pool that has never been seen."""
    return PoolState(
        clock=now,
        worked_at=now,
        starts=start_time.initial(spec.start_prior_seconds),
        gaps=gaps.initial(),
        objective=objective.initial(
            spec.allowed_share, outlasts=spec.start_prior_seconds > spec.budget_seconds
        ),
    )


def learn(state: PoolState, sample: StartSample) -> PoolState:
    """Enter one start of the pool, as far as it has come. A start that is delivered twice counts once."""
    starts = start_time.enter(state.starts, sample)
    if starts is state.starts:
        return state
    if sample.ready_at is None or sample.failed:
        return state._replace(starts=starts)
    admitted_at = sample.asked_at if sample.begun_at is None else sample.begun_at
    waits = admission.started(state.admission, admitted_at, was_held=sample.begun_at is not None)
    return state._replace(starts=starts, admission=waits)
