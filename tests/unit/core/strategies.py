"""Hypothesis strategies for what `decide` is given, and plain builders for tables."""

from hypothesis import strategies as st

from poolkeeper.api.pool import StartMode, WhenUnattainable, ZeroMode
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.values.demand import Workload, survey
from poolkeeper.core.values.observation import (
    ArrivalBucket,
    Demand,
    Foreign,
    Held,
    Observation,
    Reading,
    Replicas,
    Stage,
    StartingReplica,
    Unavailable,
    WarmFloor,
)
from poolkeeper.core.values.spec import PoolSpec, SourceSpec

T0 = 1_700_000_000.0
"""An arbitrary Unix time that tests begin at."""


def spec_of(
    max_replicas: int = 4,
    budget_seconds: float = 60.0,
    *,
    min_replicas: int = 0,
    concurrency: int = 1,
    start: StartMode = StartMode.AT_DEADLINE,
    zero_mode: ZeroMode = ZeroMode.LEARNED,
    idle_seconds: float | None = None,
    when_unattainable: WhenUnattainable = WhenUnattainable.BEST_EFFORT,
    drains: bool = False,
    source: SourceSpec | None = None,
) -> PoolSpec:
    return PoolSpec(
        max_replicas=max_replicas,
        budget_seconds=budget_seconds,
        min_replicas=min_replicas,
        concurrency=concurrency,
        start=start,
        zero_mode=zero_mode,
        idle_seconds=idle_seconds,
        when_unattainable=when_unattainable,
        drains_on_termination=drains,
        sources=(source or SourceSpec("queue"),),
        start_prior_seconds=30.0,
    )


def reading(
    now: float,
    ages: tuple[float, ...] = (),
    in_flight: int | None = 0,
    *,
    arrived: int = 0,
    completed: int = 0,
) -> Reading:
    """A reading taken now, of one request per age in seconds, oldest first."""
    waiting = tuple(ArrivalBucket(now - age, 1) for age in ages)
    return Reading(
        source="queue",
        observed_at=now,
        queued=len(ages),
        in_flight=in_flight,
        orphaned=0,
        waiting=waiting,
        arrived=arrived,
        completed=completed,
    )


def replicas(
    desired: int,
    ready: int | None = None,
    starting_for: tuple[float, ...] = (),
    now: float = T0,
    *,
    foreign: Foreign | None = None,
) -> Replicas:
    """Replicas of which some started `starting_for` seconds ago."""
    ready = desired - len(starting_for) if ready is None else ready
    begun = [now - age for age in starting_for]
    starting = tuple(StartingReplica(at, Stage.NO_CONTAINER, at) for at in begun)
    return Replicas(desired, ready, starting, foreign=foreign)


def observe(
    demand: Demand,
    target: Replicas | None,
    ceiling: int | None = None,
    floor: int = 0,
    held: Held | None = None,
) -> Observation:
    return Observation((demand,), target, WarmFloor(floor, window="office"), ceiling, held=held)


def survey_of(spec: PoolSpec, demand: Reading) -> Workload:
    """The workload of a pool whose only source was read now."""
    return survey(demand.observed_at, spec, Observation((demand,), None), 0.0)


def unavailable(now: float) -> Unavailable:
    return Unavailable("queue", "ConnectionRefused", "redis.serving.svc:6379 refused the connection", now)


def taught(spec: PoolSpec, starts: tuple[float, ...], now: float = T0) -> PoolState:
    """A state that has seen starts of these lengths."""
    state = initial_state(now - 20_000.0, spec)
    for number, seconds in enumerate(starts):
        asked_at = now - 10_000.0 + 100.0 * number
        ready_at = asked_at + seconds
        state = learn(state, StartSample(f"pod-{number}", asked_at, ready_at, ready_at=ready_at))
    return state


seconds = st.floats(min_value=0.1, max_value=1_000.0)


@st.composite
def specs(draw: st.DrawFn) -> PoolSpec:
    max_replicas = draw(st.integers(1, 12))
    sees_in_flight = draw(st.booleans())
    return PoolSpec(
        max_replicas=max_replicas,
        budget_seconds=draw(seconds),
        min_replicas=draw(st.integers(0, max_replicas)),
        concurrency=draw(st.integers(1, 16)),
        objective_percent=draw(st.sampled_from((50.0, 90.0, 99.0, 99.99))),
        start=draw(st.sampled_from(StartMode)),
        when_unattainable=draw(st.sampled_from(WhenUnattainable)),
        zero_mode=draw(st.sampled_from(ZeroMode)),
        idle_seconds=draw(st.none() | seconds),
        drains_on_termination=draw(st.booleans()),
        sources=(
            SourceSpec(
                "queue",
                sees_in_flight=sees_in_flight,
                max_service_seconds=draw(st.none() | seconds),
                outlives_workers=draw(st.booleans()),
            ),
        ),
        start_prior_seconds=draw(seconds),
        node_tail_seconds=draw(st.sampled_from((0.0, 60.0))),
    )


@st.composite
def readings(draw: st.DrawFn, now: float) -> Demand:
    if draw(st.integers(0, 9)) == 0:
        return unavailable(now)
    ages = sorted(draw(st.lists(seconds, max_size=8)), reverse=True)
    waiting = tuple(ArrivalBucket(now - age, draw(st.integers(1, 20))) for age in ages)
    return Reading(
        source="queue",
        observed_at=now - draw(st.sampled_from((0.0, 0.4, 5.0, 30.0))),
        queued=sum(bucket.requests for bucket in waiting),
        in_flight=draw(st.none() | st.integers(0, 20)),
        waiting=waiting,
        arrived=draw(st.integers(0, 1_000)),
        completed=draw(st.integers(0, 1_000)),
    )


@st.composite
def starting_replicas(draw: st.DrawFn, now: float, age: float) -> StartingReplica:
    """A replica that was asked for `age` seconds ago, at any stage."""
    stage = draw(st.sampled_from(Stage))
    begun_at = None if stage is Stage.UNADMITTED else now - draw(st.floats(0.0, age))
    return StartingReplica(now - age, stage, begun_at)


@st.composite
def targets(draw: st.DrawFn, now: float, most: int = 14) -> Replicas:
    desired = draw(st.integers(0, most))
    ready = draw(st.integers(0, desired))
    starting = draw(st.lists(seconds, min_size=desired - ready, max_size=desired - ready))
    foreign = draw(st.none() | st.builds(Foreign, st.just(desired), st.floats(now - 3_000.0, now)))
    found = tuple(draw(starting_replicas(now, age)) for age in starting)
    return Replicas(desired, ready, found, foreign=foreign)


@st.composite
def observations(draw: st.DrawFn, now: float) -> Observation:
    return Observation(
        demand=(draw(readings(now)),),
        replicas=draw(st.none() | targets(now)),
        warm_floor=WarmFloor(draw(st.sampled_from((0, 0, 0, 2))), window="office"),
        ceiling=draw(st.none() | st.integers(0, 12)),
        held=draw(st.none() | st.builds(Held, st.floats(now - 60.0, now + 60.0))),
    )


@st.composite
def starts(draw: st.DrawFn, now: float = T0) -> StartSample:
    asked_at = now - draw(seconds)
    ready_at = draw(st.none() | seconds.map(lambda length: asked_at + length))
    uid = f"pod-{draw(st.integers(0, 30))}"
    return StartSample(uid, asked_at, now, ready_at=ready_at, failed=ready_at is None and draw(st.booleans()))
