"""A list whose workers wait in BRPOP: a job that comes goes to a worker at once and is never seen to wait."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.silence import Doubt, Silence
from poolkeeper.core.learning.state import PoolState, initial_state
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import BLIND_SECONDS, RETEST_SECONDS
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Observation, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.source_demand import SourceDemand
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.core.strategies import T0

POLL_SECONDS = 0.5
START_SECONDS = 4.0
DRAIN_SECONDS = 1.0
"""A worker that is asked to stop ends its wait in BRPOP first, and may take one more job in it."""
HOUR = 3600.0


def steady(seconds: float) -> Callable[[float], bool]:
    """A job every so many seconds, by the seconds since the beginning."""
    return lambda at: at % seconds < POLL_SECONDS


def spec_of(idle_seconds: float | None = 20.0, service_seconds: float = 5.0) -> PoolSpec:
    return PoolSpec(
        max_replicas=5,
        budget_seconds=10.0,
        zero_mode=ZeroMode.LEARNED if idle_seconds is None else ZeroMode.FIXED,
        idle_seconds=idle_seconds,
        sources=(SourceSpec("jobs", sees_in_flight=False, max_service_seconds=service_seconds),),
        start_prior_seconds=START_SECONDS,
    )


@dataclass
class Scene:
    """A pool of BRPOP workers with short jobs, in steps of a poll."""

    spec: PoolSpec
    comes: Callable[[float], bool]
    shows_waiting_workers: bool = False
    """Whether workers wait without a time limit and Redis shows for how long."""
    at: float = 0.0
    desired: int = 0
    queued: int = 0
    asked_at: float | None = None
    ready: int = 0
    drains_until: float = -1.0
    taken_at: float = 0.0
    stops: list[float] = field(default_factory=list)
    decision: Decision | None = None
    due_at: float = 0.0
    replicas: Replicas | None = None

    def __post_init__(self) -> None:
        self.state: PoolState = initial_state(T0, self.spec)
        self.demand = SourceDemand.unread(self.spec.sources[0])

    def run(self, seconds: float) -> None:
        for _ in self._steps(seconds):
            self._move()
            self._look()

    def restart_operator(self) -> None:
        self.state = restore(save(self.state), T0 + self.at, self.spec)
        self.demand = SourceDemand.unread(self.spec.sources[0])

    def _steps(self, seconds: float) -> Iterator[float]:
        until = self.at + seconds
        while self.at < until:
            yield self.at
            self.at += POLL_SECONDS

    def _move(self) -> None:
        if self.asked_at is not None and self.at - self.asked_at >= START_SECONDS:
            self.ready, self.asked_at, self.taken_at = self.desired, None, self.at
        self.queued += self.comes(self.at)
        takes = self.ready or self.at < self.drains_until
        if takes and self.queued:
            self.queued, self.taken_at = 0, self.at

    def _look(self) -> None:
        now = T0 + self.at
        quiet = self.at - self.taken_at if self.shows_waiting_workers and self.ready else None
        has_news = self.demand.enter(Sample("jobs", now, self.queued, quiet_seconds=quiet))
        replicas = self._replicas()
        if not has_news and replicas == self.replicas and now < self.due_at:
            return
        self.replicas = replicas
        decision, self.state = decide(
            now, self.spec, Observation((self.demand.current(),), replicas), self.state
        )
        self.decision, self.due_at = decision, math.inf if decision.due_at is None else decision.due_at
        if decision.replicas == self.desired:
            return
        if decision.replicas:
            self.asked_at = self.asked_at if self.asked_at is not None else self.at
        else:
            self.stops.append(self.at)
            self.ready, self.asked_at, self.drains_until = 0, None, self.at + DRAIN_SECONDS
        self.desired = decision.replicas

    def _replicas(self) -> Replicas:
        starting = () if self.asked_at is None else (self._starting(),) * (self.desired - self.ready)
        return Replicas(self.desired, self.ready, starting, int(self.at < self.drains_until))

    def _starting(self) -> StartingReplica:
        assert self.asked_at is not None
        return StartingReplica(T0 + self.asked_at, Stage.NO_CONTAINER, T0 + self.asked_at)


@pytest.mark.parametrize("gap_seconds", [1.0, 2.0])
@pytest.mark.parametrize("idle_seconds", [10.0, 20.0, 120.0, None])
def test_a_pool_under_steady_load_is_stopped_twice_and_then_held(
    gap_seconds: float, idle_seconds: float | None
) -> None:
    scene = Scene(spec_of(idle_seconds), steady(gap_seconds))
    scene.run(1_700.0)
    assert len(scene.stops) == 2
    assert scene.desired >= 1
    assert scene.decision is not None
    assert scene.decision.reason is Reason.DEMAND_UNKNOWN
    assert (scene.decision.demand_known.holds, scene.decision.demand_known.reason) == (
        False,
        "ArrivalsUnseen",
    )
    assert "processingList" in scene.decision.message
    assert scene.decision.due_at == pytest.approx(T0 + scene.stops[1] + BLIND_SECONDS, abs=10.0)


def test_the_silence_is_tested_again_after_pauses_that_grow_to_a_day() -> None:
    scene = Scene(spec_of(), steady(1.0))
    scene.run(60 * HOUR)
    pauses = [after - before for before, after in zip(scene.stops[1:], scene.stops[2:], strict=False)]
    expected = [min(BLIND_SECONDS * 2**number, RETEST_SECONDS) for number in range(len(pauses))]
    assert pauses == pytest.approx(expected, abs=60.0)
    assert len(scene.stops) <= 10


def test_a_list_that_has_really_fallen_silent_is_believed_again_after_one_test() -> None:
    scene = Scene(spec_of(), lambda at: at < 300.0 and steady(1.0)(at))
    scene.run(300.0)
    assert len(scene.stops) == 2
    scene.run(2 * HOUR)
    assert len(scene.stops) == 3
    assert scene.desired == 0
    scene.comes = steady(HOUR)
    scene.run(3 * HOUR)
    assert scene.state.silence.doubts == ()


@pytest.mark.parametrize("gap_seconds", [30.0, 60.0, 600.0, 3_700.0])
def test_a_pool_whose_requests_come_further_apart_than_it_idles_always_stops(gap_seconds: float) -> None:
    scene = Scene(spec_of(), steady(gap_seconds))
    scene.run(30 * gap_seconds)
    assert scene.state.silence.doubts == ()
    assert len(scene.stops) >= 29


def test_a_restart_of_the_operator_forgets_nothing_of_it() -> None:
    scene = Scene(spec_of(), steady(1.0))
    scene.run(30.0)
    assert len(scene.stops) == 1
    scene.restart_operator()
    for _ in range(20):
        scene.run(70.0)
        scene.restart_operator()
    assert len(scene.stops) == 2


def test_where_redis_shows_how_long_workers_have_waited_that_is_believed() -> None:
    """The stop comes when no worker has taken anything for the idle time, and at once again the next time."""
    scene = Scene(spec_of(), lambda at: at < 300.0 and steady(1.0)(at), shows_waiting_workers=True)
    scene.run(300.0)
    assert len(scene.stops) == 2
    assert scene.decision is not None
    assert scene.decision.demand_known.reason == "ArrivalsUnseen"
    scene.run(30.0)
    assert scene.stops[2:] == [pytest.approx(320.0, abs=2.0)]
    assert scene.state.worked_at == pytest.approx(T0 + 300.0, abs=2.0)


def test_a_declaration_that_sees_work_ends_it_at_once() -> None:
    scene = Scene(spec_of(), steady(1.0))
    scene.run(300.0)
    assert scene.state.silence.doubts
    seen = PoolSpec(
        max_replicas=5,
        budget_seconds=10.0,
        zero_mode=ZeroMode.FIXED,
        idle_seconds=20.0,
        sources=(SourceSpec("jobs"),),
    )
    now = T0 + scene.at
    demand = SourceDemand.unread(seen.sources[0])
    demand.enter(Sample("jobs", now, 0, 0))
    decision, _ = decide(now, seen, Observation((demand.current(),), Replicas(1, 1)), scene.state)
    assert decision.demand_known.reason == "Fresh"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(START_SECONDS + DRAIN_SECONDS + 1.25 * 20.0, 500.0), min_size=3, max_size=20))
def test_no_silence_is_doubted_where_requests_come_later_than_the_idle_time(gaps: list[float]) -> None:
    """A start and a drain take some of the time that a request takes to come after a stop."""
    due = [round(at / POLL_SECONDS) * POLL_SECONDS for at in accumulate(gaps)]
    scene = Scene(spec_of(), set(due).__contains__)
    scene.run(due[-1] + 30.0)
    assert scene.state.silence.doubts == ()
    assert len(scene.stops) >= len(set(due))


@settings(deadline=None, max_examples=100)
@given(
    quiet_seconds=st.none() | st.floats(0.0, 100.0),
    silent_seconds=st.floats(0.0, 500.0),
    left_seconds=st.floats(1.0, 500.0),
    desired=st.integers(1, 7),
)
def test_no_replica_of_a_blind_list_stops_unless_redis_shows_that_nothing_comes(
    quiet_seconds: float | None, silent_seconds: float, left_seconds: float, desired: int
) -> None:
    spec, now = spec_of(), T0 + silent_seconds
    doubts = (Doubt("jobs", 2, BLIND_SECONDS, now + left_seconds),)
    state = initial_state(T0, spec)._replace(silence=Silence(doubts))
    for at in (T0, now):
        empty = Reading("jobs", at, 0, quiet_seconds=quiet_seconds)
        decision, state = decide(at, spec, Observation((empty,), Replicas(desired, desired)), state)
    is_quiet = quiet_seconds is not None and quiet_seconds >= 20.0
    assert is_quiet or decision.replicas == desired
    assert is_quiet == (decision.demand_known.holds is True)
    assert decision.due_at is None or decision.due_at > now
