"""A list with a processing list whose jobs are done between two polls, so that most are never seen."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from poolkeeper.core.tuning import BLIND_SECONDS
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.core.policy.blind_scene import (
    DRAIN_SECONDS,
    HOUR,
    POLL_SECONDS,
    START_SECONDS,
    Scene,
    spec_of,
)
from tests.unit.core.strategies import T0

LIST = SourceSpec("jobs", counts_taken=False, outlives_workers=True)
CYCLE_SECONDS = START_SECONDS + DRAIN_SECONDS + 1.25 * 20.0


def short_spec(idle_seconds: float | None = 20.0, source: SourceSpec = LIST) -> PoolSpec:
    return replace(spec_of(idle_seconds), sources=(source,))


def evenly(seconds: float) -> Iterator[float]:
    """When jobs come. The instants move slowly against those of the polls."""
    at = 0.0
    while True:
        yield at
        at += 1.003 * seconds


def by_chance(mean_seconds: float, least_seconds: float = 0.0) -> Iterator[float]:
    source, at = random.Random(f"jobs {mean_seconds}"), 0.0
    while True:
        yield at
        at += least_seconds + source.expovariate(1.0 / mean_seconds)


@dataclass
class Workers(Scene):
    """Workers in BLMOVE: each takes a job as soon as one is there."""

    jobs: Iterator[float] = field(default_factory=lambda: evenly(1.0))
    job_seconds: float = 0.05
    comes: Callable[[float], bool] = lambda _: False
    came: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    up_since: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.next_at = next(self.jobs)

    def _move(self) -> None:
        if self.asked_at is not None and self.at - self.asked_at >= START_SECONDS:
            self.ready, self.asked_at, self.up_since = self.desired, None, self.at
        while self.next_at <= self.at:
            self.came.append(self.next_at)
            self.next_at = next(self.jobs)
        while self.came and (self.ready or self.came[0] < self.drains_until):
            slots = max(self.ready, 1)
            free_at = sorted(self.ends)[-slots] if len(self.ends) >= slots else self.up_since
            begins_at = max(self.came[0], free_at, self.up_since)
            if begins_at > self.at:
                break
            self.came.pop(0)
            self.ends.append(begins_at + self.job_seconds)
            self.taken_at = begins_at
        self.ends = sorted(self.ends)[-self.spec.max_replicas :]
        self.queued = len(self.came)

    def _sample(self, now: float, quiet_seconds: float | None) -> Sample:
        in_flight = [end for end in self.ends if end > self.at]
        return Sample("jobs", now, self.queued, len(in_flight), f"{in_flight}", quiet_seconds=quiet_seconds)


@pytest.mark.parametrize("job_seconds", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("gap_seconds", [1.0, 3.0])
def test_a_pool_with_short_jobs_is_stopped_twice_and_then_held(
    job_seconds: float, gap_seconds: float
) -> None:
    scene = Workers(short_spec(), jobs=evenly(gap_seconds), job_seconds=job_seconds)
    scene.run(1_700.0)
    assert len(scene.stops) <= 2
    assert scene.desired >= 1
    if len(scene.stops) == 2:
        assert scene.decision is not None
        assert scene.decision.reason is Reason.DEMAND_UNKNOWN
        assert scene.decision.demand_known.reason == "ArrivalsUnseen"
        assert "done between two polls, which are 0.5 s apart" in scene.decision.message


def test_ten_minutes_of_steady_load_make_two_stops() -> None:
    scene = Workers(short_spec())
    scene.run(600.0)
    assert len(scene.stops) == 2
    assert scene.decision is not None
    assert scene.decision.demand_known.reason == "ArrivalsUnseen"
    assert "use a redisStream" in scene.decision.message


def test_without_the_doubt_the_same_load_would_stop_the_pool_again_and_again() -> None:
    """What this is good for."""
    scene = Workers(short_spec(source=replace(LIST, counts_taken=True)))
    scene.run(600.0)
    assert len(scene.stops) > 5


@pytest.mark.parametrize("idle_seconds", [10.0, 20.0, None])
@pytest.mark.parametrize("job_seconds", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("mean_seconds", [5.0, 20.0])
def test_no_silence_is_doubted_where_polls_see_every_job(
    idle_seconds: float | None, job_seconds: float, mean_seconds: float
) -> None:
    """Jobs come by chance, so that many come soon after a stop."""
    scene = Workers(short_spec(idle_seconds), jobs=by_chance(mean_seconds), job_seconds=job_seconds)
    scene.run(3 * HOUR)
    assert scene.state.silence.doubts == ()
    assert scene.stops


def test_short_jobs_that_come_further_apart_than_the_pool_idles_are_no_doubt() -> None:
    scene = Workers(short_spec(), jobs=by_chance(60.0, least_seconds=CYCLE_SECONDS))
    scene.run(3 * HOUR)
    assert scene.state.silence.doubts == ()
    assert len(scene.stops) > 100


def test_a_doubt_ends_as_soon_as_jobs_are_seen_to_last() -> None:
    """The model has been changed for a slower one: each of its jobs is seen."""
    scene = Workers(short_spec())
    scene.run(600.0)
    assert len(scene.stops) == 2
    scene.job_seconds = 3.0
    scene.run(600.0)
    assert scene.decision is not None
    assert scene.decision.demand_known.reason == "Fresh"


def test_a_restart_of_the_operator_does_not_forget_it() -> None:
    scene = Workers(short_spec())
    scene.run(600.0)
    for _ in range(10):
        scene.restart_operator()
        scene.run(70.0)
    assert len(scene.stops) == 2


def test_where_redis_shows_how_long_workers_have_waited_an_idle_pool_stops_at_once() -> None:
    """No half hour of idling; `idleSeconds` are enough, since a job in flight would be seen."""
    scene = Workers(short_spec(), shows_waiting_workers=True)
    scene.run(600.0)
    assert len(scene.stops) == 2
    scene.next_at = 1e9
    scene.run(40.0)
    assert scene.stops[2:] == [pytest.approx(620.0, abs=3.0)]


def test_without_that_the_silence_is_tested_after_half_an_hour() -> None:
    scene = Workers(short_spec())
    scene.run(600.0)
    scene.next_at = 1e9
    scene.run(HOUR)
    assert scene.stops[2:] == [pytest.approx(scene.stops[1] + BLIND_SECONDS, abs=40.0)]


def test_metrics_without_a_counter_are_tested_too_and_the_remedy_is_a_counter() -> None:
    scene = Workers(short_spec(source=replace(LIST, outlives_workers=False)))
    scene.run(600.0)
    assert len(scene.stops) == 2
    assert scene.decision is not None
    assert "declare http.metrics.activitySeries" in scene.decision.message
    assert scene.decision.due_at is not None
    assert scene.decision.due_at > T0 + scene.at - POLL_SECONDS
