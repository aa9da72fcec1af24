"""A list whose workers wait in BRPOP: a job that comes goes to a worker at once and is never seen to wait."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning.silence import Doubt, Silence
from poolkeeper.core.learning.state import initial_state
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import BLIND_SECONDS, RETEST_SECONDS
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Observation, Reading, Replicas
from poolkeeper.core.values.source_demand import SourceDemand
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.core.policy.blind_scene import (
    DRAIN_SECONDS,
    HOUR,
    POLL_SECONDS,
    START_SECONDS,
    Scene,
    spec_of,
    steady,
)
from tests.unit.core.strategies import T0


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
