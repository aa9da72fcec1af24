"""What makes requests late: what each of them would have been in time without."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning import history
from poolkeeper.core.learning.lateness.causes import NEVER, NO_START, ColdStart, Obstacles, Spell, late_among
from poolkeeper.core.learning.lateness.promise import WINDOWS, Late, Tally
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.observation import ArrivalBucket, Held, Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

HOUR = WINDOWS[0]
SPEC = spec_of(max_replicas=2, budget_seconds=10.0)
SEEN = Obstacles(blind=NEVER)
"""Demand was known all the time, and nothing was in the way."""


def since(began_at: float) -> Spell:
    return Spell(T0 + began_at, math.inf)


def behind(delayed_seconds: float, missed_seconds: float) -> ColdStart:
    """A start that is over, behind which requests still wait in line."""
    return ColdStart(delayed_seconds=delayed_seconds, missed_seconds=missed_seconds)


def running(needed_at: float, asked_at: float) -> ColdStart:
    return ColdStart(T0 + needed_at, T0 + asked_at)


@pytest.mark.parametrize(
    ("waited", "obstacles", "expected"),
    [
        (9.0, SEEN, Late()),
        (50.0, SEEN, Late(replicas=1)),
        (50.0, SEEN._replace(ceiling=since(-45.0)), Late(ceiling=1)),
        (50.0, SEEN._replace(ceiling=since(-30.0)), Late(replicas=1)),
        (50.0, SEEN._replace(ceiling=Spell(T0 - 50.0, T0 - 10.0)), Late(ceiling=1)),
        (50.0, SEEN._replace(ceiling=Spell(T0 - 90.0, T0 - 60.0)), Late(replicas=1)),
        (50.0, SEEN._replace(quota=since(-45.0), ceiling=since(-45.0)), Late(quota=1)),
        (10.3, SEEN._replace(quota=since(-0.5)), Late(replicas=1)),
        (50.0, SEEN._replace(blind=since(-45.0), quota=since(-45.0)), Late(unknown=1)),
        (50.0, SEEN._replace(blind=Spell(T0 - 20.0, T0 - 19.0)), Late(replicas=1)),
        (50.0, Obstacles(), Late(unknown=1)),
        # 40 s late, behind a start that 20 s of delay and 30 s of loading have put off by 50 s.
        (30.0, SEEN._replace(start=behind(20.0, 50.0)), Late(delay=1)),
        (50.0, SEEN._replace(start=behind(20.0, 50.0)), Late(start=1)),
        (50.0, SEEN._replace(start=behind(40.0, 50.0)), Late(delay=1)),
        (70.0, SEEN._replace(start=behind(20.0, 50.0)), Late(replicas=1)),
        (70.0, SEEN._replace(start=behind(20.0, 50.0), ceiling=since(-65.0)), Late(ceiling=1)),
        (50.0, SEEN._replace(start=behind(40.0, 50.0), ceiling=since(-50.0)), Late(delay=1)),
        (50.0, SEEN._replace(start=behind(40.0, 50.0), quota=since(-45.0)), Late(quota=1)),
        # While it runs: needed 50 s ago, asked for 8 s later (1 s of which a start at once needs), not ready.
        (17.0, SEEN._replace(start=running(-50.0, -42.0)), Late(delay=1)),
        (50.0, SEEN._replace(start=running(-50.0, -42.0)), Late(start=1)),
        (30.0, SEEN._replace(start=running(-50.0, math.inf)), Late(delay=1)),
    ],
)
def test_a_request_is_late_by_what_it_would_have_been_in_time_without(
    waited: float, obstacles: Obstacles, expected: Late
) -> None:
    assert late_among((ArrivalBucket(T0 - waited, 1),), 1, T0, SPEC, obstacles) == expected


def test_the_oldest_requests_are_taken_first() -> None:
    waiting = (ArrivalBucket(T0 - 30.0, 3), ArrivalBucket(T0 - 20.0, 5), ArrivalBucket(T0 - 5.0, 9))
    assert late_among(waiting, 4, T0, SPEC, SEEN) == Late(replicas=4)
    assert late_among(waiting, math.inf, T0, SPEC, SEEN) == Late(replicas=8)


UNADMITTED = Replicas(2, 1, (StartingReplica(T0 - 20.0, Stage.UNADMITTED),))

STARTING = Replicas(1, 0, (StartingReplica(T0 - 20.0, Stage.RUNNING, T0 - 20.0),))


@pytest.mark.parametrize(
    ("before", "seen_before", "allowed", "expected"),
    [
        (replicas(1), True, None, Late(replicas=3)),
        (replicas(0), True, None, Late(delay=3)),
        (STARTING, True, None, Late(start=3)),
        (replicas(2), True, None, Late(ceiling=3)),
        (replicas(1), True, 1, Late(quota=3)),
        (UNADMITTED, True, None, Late(quota=3)),
        (replicas(1), False, None, Late(unknown=3)),
        (None, True, None, Late(replicas=3)),
    ],
    ids=["replicas", "delay", "start", "ceiling", "quota", "unadmitted", "unknown", "target-unknown"],
)
def test_what_a_look_sees_becomes_the_cause(
    before: Replicas | None, *, seen_before: bool, allowed: int | None, expected: Late
) -> None:
    """Three requests wait from T0 - 20 s to T0, with the pool as it is `before`."""
    state = taught(SPEC, (5.0,) * 5)
    waiting = reading(T0 - 20.0, (0.0,) * 3, arrived=3)
    known = observe(waiting, before, ceiling=allowed)
    _, state = decide(T0 - 20.0, SPEC, known, state)
    between = known if seen_before else observe(unavailable(T0 - 19.0), before)
    _, state = decide(T0 - 19.0, SPEC, between, state)
    taken = observe(reading(T0, (), 3, arrived=3), before if before and before.ready else replicas(1))
    _, state = decide(T0, SPEC, taken, state)
    assert state.promise.total == Tally(3, expected)
    assert state.promise.over(HOUR, T0) == state.promise.total


def test_what_waits_while_writes_are_held_back_is_not_late_by_the_start() -> None:
    state = taught(SPEC, (5.0,) * 5)
    held = Held(T0 + 40.0, "argocd-controller (Apply)")
    _, state = decide(T0 - 20.0, SPEC, observe(reading(T0 - 20.0, (0.0,), arrived=1), replicas(1)), state)
    waiting = replace(reading(T0 - 19.0, (1.0,)), arrived=1)
    _, state = decide(T0 - 19.0, SPEC, observe(waiting, replicas(1), held=held), state)
    _, state = decide(T0, SPEC, observe(reading(T0, (), 1, arrived=1), replicas(1), held=held), state)
    assert state.promise.total.late == Late(unknown=1)


spells = st.tuples(st.floats(-80.0, 0.0), st.floats(0.0, 60.0) | st.just(math.inf)).map(
    lambda ends: Spell(T0 + ends[0], T0 + ends[0] + ends[1])
)

starts = st.just(NO_START) | st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 60.0)).map(
    lambda seconds: behind(seconds[0], sum(seconds))
)


@given(
    st.lists(st.tuples(st.floats(0.0, 90.0), st.integers(1, 9)), max_size=8),
    st.integers(0, 40),
    st.builds(Obstacles, spells, spells, spells, starts),
)
def test_each_late_request_has_one_cause(
    waiting: list[tuple[float, int]], taken: int, obstacles: Obstacles
) -> None:
    buckets = tuple(ArrivalBucket(T0 - age, requests) for age, requests in sorted(waiting, reverse=True))
    queued = sum(bucket.requests for bucket in buckets)
    before = replace(reading(T0 - 1.0), queued=queued, waiting=buckets)
    after = replace(reading(T0), queued=max(0, queued - taken))
    flow = history.between(before, after, SPEC, obstacles)
    assert flow.taken == min(taken, queued)
    oldest = [age for age, requests in sorted(waiting, reverse=True) for _ in range(requests)][:taken]
    moved_at = T0 - SPEC.poll_seconds
    assert flow.late_by.total == sum(moved_at - (T0 - age) > SPEC.budget_seconds for age in oldest)
