"""What makes requests late: what each of them would have been in time without."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning import history
from poolkeeper.core.learning.lateness.causes import NEVER, NO_START, ColdStart, Obstacles, Spell, late_among
from poolkeeper.core.learning.lateness.promise import WINDOWS, Late, Tally
from poolkeeper.core.policy.attainable import budget_attainable
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.admission import (
    CAUSES,
    NODE_PROVISIONING,
    QUOTA_EXCEEDED,
    SCHEDULING_GATED,
    UNSCHEDULABLE,
)
from poolkeeper.core.values.observation import ArrivalBucket, Held, Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught, unavailable

HOUR = WINDOWS[0]
SPEC = spec_of(max_replicas=2, budget_seconds=10.0)
SEEN = Obstacles(blind=NEVER)
"""Demand was known all the time, and nothing was in the way."""


def since(began_at: float) -> Spell:
    return Spell(T0 + began_at, math.inf)


def behind(delayed_seconds: float, missed_seconds: float, held_seconds: float = 0.0) -> ColdStart:
    """A start that is over, behind which requests still wait in line."""
    return ColdStart(math.inf, math.inf, delayed_seconds, missed_seconds, held_seconds)


def by(gate: Spell = NEVER, *, no_node: Spell = NEVER) -> tuple[Spell, ...]:
    """What has held a replica, and when."""
    return (gate, NEVER, no_node, NEVER, NEVER)


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
        (50.0, SEEN._replace(held=since(-45.0), quota=since(-45.0)), Late(unadmitted=1)),
        (50.0, SEEN._replace(held=since(-45.0), held_by=by(gate=since(-45.0))), Late(gate=1)),
        # An hour in a gate and a minute without a node; before that, there was no node for two hours.
        (
            4000.0,
            SEEN._replace(held=since(-3990.0), held_by=by(since(-3990.0), no_node=since(-60.0))),
            Late(gate=1),
        ),
        (
            4000.0,
            SEEN._replace(
                held=since(-3990.0),
                held_by=by(Spell(T0 - 3990.0, T0 - 60.0), no_node=Spell(T0 - 12_000.0, T0 - 4800.0)),
            ),
            Late(gate=1),
        ),
        (50.0, SEEN._replace(held=since(-30.0)), Late(replicas=1)),
        (10.3, SEEN._replace(held=since(-0.5)), Late(replicas=1)),
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
        # The replica was held for 45 of the 90 s that the start has put the line off by.
        (50.0, SEEN._replace(start=behind(40.0, 90.0, 45.0)), Late(unadmitted=1)),
        (70.0, SEEN._replace(start=behind(40.0, 90.0, 45.0)), Late(start=1)),
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


def unadmitted(reason: str, ready: int = 1, asked_at: float = -20.0) -> Replicas:
    """A replica that waits for admission, for this reason."""
    return Replicas(ready + 1, ready, (StartingReplica(T0 + asked_at, Stage.UNADMITTED, failure=reason),))


STARTING = Replicas(1, 0, (StartingReplica(T0 - 20.0, Stage.RUNNING, T0 - 20.0),))


SET_ASIDE = replace(replicas(1), set_aside=unadmitted(UNSCHEDULABLE).starting)
"""A fallback serves, and a replica of the preferred class that would help it has no node."""


@pytest.mark.parametrize(
    ("before", "seen_before", "allowed", "expected"),
    [
        (replicas(1), True, None, Late(replicas=3)),
        (replicas(0), True, None, Late(delay=3)),
        (STARTING, True, None, Late(start=3)),
        (replicas(2), True, None, Late(ceiling=3)),
        (replicas(1), True, 1, Late(quota=3)),
        (unadmitted(SCHEDULING_GATED), True, None, Late(gate=3)),
        (unadmitted(QUOTA_EXCEEDED), True, None, Late(refused=3)),
        (unadmitted(UNSCHEDULABLE), True, None, Late(no_node=3)),
        (unadmitted(NODE_PROVISIONING), True, None, Late(provisioning=3)),
        (unadmitted(""), True, None, Late(unadmitted=3)),
        (SET_ASIDE, True, None, Late(no_node=3)),
        (replicas(1), False, None, Late(unknown=3)),
        (None, True, None, Late(replicas=3)),
    ],
    ids=[
        *("replicas", "delay", "start", "ceiling", "quota"),
        *("gate", "refused", "no-node", "provisioning", "unadmitted", "set-aside"),
        *("unknown", "target-unknown"),
    ],
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


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        (SCHEDULING_GATED, "gate"),
        (QUOTA_EXCEEDED, "refused"),
        (UNSCHEDULABLE, "no_node"),
        (NODE_PROVISIONING, "provisioning"),
    ],
)
def test_an_hour_without_admission_moves_no_lever(reason: str, field: str) -> None:
    """A request comes each minute while the only replica is held for an hour; then it loads for 5 s. The
    last request comes while it loads."""
    before = taught(SPEC, (5.0,) * 12)
    asked, admitted = T0 - 3600.0, T0 - 5.0
    state, ages = before, []
    for minute in range(60):
        now = asked + 60.0 * minute
        ages = [now - asked - 60.0 * each for each in range(minute + 1)]
        shown = Replicas(0, 0) if minute == 0 else unadmitted(reason, 0, asked - T0)
        _, state = decide(now, SPEC, observe(reading(now, tuple(ages), arrived=minute + 1), shown), state)
    now = T0 - 1.0
    loading = Replicas(1, 0, (StartingReplica(asked, Stage.RUNNING, admitted),))
    waiting = tuple(now - asked - 60.0 * each for each in range(60))
    _, state = decide(now, SPEC, observe(reading(now, (*waiting, 0.5), arrived=61), loading), state)
    demand = replace(reading(T0, (), 1, arrived=61), completed=60)
    _, state = decide(T0, SPEC, observe(demand, replicas(1)), state)
    late = state.promise.total.late
    assert (getattr(late, field), late.total) == (60, 60)
    assert state.objective.delay_share == before.objective.delay_share == 1.0
    assert state.objective.price <= before.objective.price
    assert state.objective.late_per_restart == 0.0
    assert state.objective.other == 0.0
    assert state.load.reserve == 0.0
    assert state.starts == before.starts
    assert budget_attainable(SPEC, state) == budget_attainable(SPEC, before)


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
    st.builds(Obstacles, spells, spells, spells, starts, spells, st.tuples(*[spells] * len(CAUSES))),
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
