"""Requests in flight that no replica works on start nothing, and hold replicas no longer than declared."""

import math
from dataclasses import dataclass, field, replace

import pytest

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.demand import survey
from poolkeeper.core.values.excess import NO_EXCESS, Excess, weigh, without
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Demand, Observation, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from poolkeeper.core.values.unmoved import Idle
from tests.unit.core.strategies import T0, observe, reading, replicas, survey_of, unavailable

JOB_SECONDS = 5.0
START_SECONDS = 3.0


def spec_of(max_service_seconds: float | None, *, max_replicas: int = 30, minimum: int = 0) -> PoolSpec:
    """The pool of a published bug report: its budget is shorter than the start that its class expects."""
    source = SourceSpec("queue", max_service_seconds=max_service_seconds, outlives_workers=True)
    return PoolSpec(
        max_replicas=max_replicas,
        min_replicas=minimum,
        budget_seconds=30.0,
        sources=(source,),
        start_prior_seconds=60.0,
        zero_mode=ZeroMode.FIXED,
        idle_seconds=20.0,
    )


@dataclass
class Pool:
    """A stream with the entries of dead consumers, and replicas that work on the others."""

    spec: PoolSpec
    dead_since: list[float]
    now: float = T0
    asked_at: list[float] = field(default_factory=list)
    queue: list[float] = field(default_factory=list)
    busy_until: list[float] = field(default_factory=list)
    ready: int = 0
    desired: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    decision: Decision | None = None
    state: PoolState | None = None
    ledger: Ledger = field(default_factory=lambda: Ledger.empty("queue"))

    def run(self, seconds: float, arrivals: tuple[float, ...] = ()) -> None:
        until = self.now + seconds
        arriving = [self.now + at for at in arrivals]
        state = self.state or initial_state(self.now, self.spec)
        while self.now < until:
            self.now += 0.5
            self.queue += [at for at in arriving if self.now - 0.5 < at <= self.now]
            for asked_at in [at for at in self.asked_at if at + START_SECONDS <= self.now]:
                self.asked_at.remove(asked_at)
                self.ready += 1
                ready_at = asked_at + START_SECONDS
                state = learn(state, StartSample(f"{asked_at}", asked_at, self.now, ready_at=ready_at))
            self.busy_until = [end for end in self.busy_until if end > self.now]
            while self.queue and len(self.busy_until) < self.ready:
                self.waits.append(self.now - self.queue.pop(0))
                self.busy_until.append(self.now + JOB_SECONDS)
            self.ledger = record(self.ledger, self.poll(), self.spec.sources[0])
            starting = tuple(StartingReplica(at, Stage.NO_CONTAINER, at) for at in self.asked_at)
            seen = Replicas(self.ready + len(starting), self.ready, starting)
            self.decision, state = decide(
                self.now, self.spec, Observation((self.ledger.demand,), seen), state
            )
            self.scale(self.decision.replicas - seen.desired)
            self.desired.append(self.decision.replicas)
        self.state = state

    def poll(self) -> Sample:
        in_flight = len(self.busy_until) + len(self.dead_since)
        limit = self.spec.sources[0].unmoved_seconds
        idle = [self.now - since for since in self.dead_since if self.now - since > limit]
        look = Idle(len(idle), max(idle, default=0.0)) if self.now % 2 == 0 else None
        marker = f"{len(self.waits)}-{in_flight}"
        return Sample("queue", self.now, len(self.queue), in_flight, marker, in_flight_look=look)

    def scale(self, more: int) -> None:
        self.asked_at += [self.now] * more
        for _ in range(-more):
            if self.asked_at:
                self.asked_at.pop()
            else:
                self.ready -= 1
                assert len(self.busy_until) <= self.ready, "a busy replica was stopped"

    def reading(self) -> Reading:
        assert isinstance(self.ledger.demand, Reading)
        return self.ledger.demand


@pytest.mark.parametrize(("max_service_seconds", "jobs"), [(20.0, 40), (120.0, 40), (None, 40), (None, 500)])
def test_live_traffic_beside_dead_consumers_has_the_replicas_that_it_needs(
    max_service_seconds: float | None, jobs: int
) -> None:
    """One job of 5 s every 10 s beside 20 entries of dead consumers, before and after they are recognised."""
    pool = Pool(spec_of(max_service_seconds), [T0 - 1.0] * 20)
    pool.run(10.0 * jobs + 30.0, tuple(10.0 * number + 1.0 for number in range(jobs)))
    assert max(pool.desired) <= 2
    assert len(pool.waits) == jobs
    assert max(pool.waits) < 30.0
    assert pool.reading().orphaned == (0 if max_service_seconds is None else 20)


def test_recognised_orphans_do_not_come_back_with_the_next_job() -> None:
    pool = Pool(spec_of(20.0), [T0 - 1.0] * 20)
    pool.run(60.0)
    assert (pool.desired[-1], pool.reading().orphaned) == (0, 20)
    pool.run(60.0, (5.0,))
    assert max(pool.desired[-120:]) == 1
    assert (pool.desired[-1], pool.reading().in_flight) == (0, 0)


def test_at_zero_entries_of_others_start_nothing_and_are_known_within_seconds() -> None:
    pool = Pool(spec_of(None), [T0 - 1.0])
    pool.run(60.0)
    assert set(pool.desired) == {0}
    assert pool.decision is not None
    assert (pool.decision.reason, pool.decision.unworked) == (Reason.BUSY, 1)
    assert "no replica of this pool runs" in pool.decision.message


def test_a_stale_entry_holds_replicas_for_the_declared_time_and_no_longer() -> None:
    pool = Pool(spec_of(60.0), [T0 + 20.0], ready=5)
    pool.run(60.0)
    assert pool.desired[-1] == 5
    pool.run(240.0)
    assert pool.desired[-1] == 0


def test_a_stale_entry_beside_constant_short_work_holds_no_replica() -> None:
    pool = Pool(spec_of(20.0), [T0 - 1.0] * 4, ready=5)
    pool.run(300.0, tuple(6.0 * number + 1.0 for number in range(50)))
    assert pool.reading().orphaned == 4
    assert len(pool.waits) == 50


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0, 1, 1)], (0, 0)),
        ([(0, 3, 1)], (0, 2)),
        ([(0, 3, 1), (1, 2, 1)], (0, 1)),
        ([(0, 3, 1), (1, 1, 1)], (0, 0)),
        ([(0, 3, 1), (3, 3, 1)], (2, 0)),
        ([(0, 3, 1), (3, 4, 1)], (2, 0)),
        ([(0, 3, 1), (1, 2, 1), (3, 3, 1)], (1, 0)),
        ([(0, 3, 1), (3, 3, 1), (9, 3, 5)], (2, 0)),
        ([(0, 3, 1), (3, 3, 1), (9, 1, 5)], (1, 0)),
        ([(0, 3, 1), (3, 3, 1), (9, 0, 0)], (0, 0)),
        ([(0, 3, 1), (3, 3, 1), (9, 4, 1)], (2, 3)),
        ([(0, 1, 0), (3, 1, 0)], (1, 0)),
        ([(0, 3, 1), (3, 3, 1), (3_500, 5, 5)], (2, 0)),
        ([(0, 3, 1), (3, 3, 1), (3_700, 5, 5)], (0, 0)),
        ([(0, 3, 1), (3, 3, 1), (3_700, 6, 5)], (1, 0)),
        ([(0, 3, 1), (3, 3, 1), (3_700, 3, 1)], (2, 0)),
    ],
)
def test_more_in_flight_than_slots_is_believed_once_it_lasts(
    looks: list[tuple[float, int, int]], expected: tuple[int, int]
) -> None:
    """Age, requests in flight and slots of each look; then what is believed, and what may be soon."""
    known, spec = NO_EXCESS, spec_of(None)
    for age, in_flight, slots in looks:
        workload = survey_of(spec, reading(T0 + age, (), in_flight))
        known = weigh(known, T0 + age, spec, workload, replicas(slots))
    assert (known.requests, known.fewest) == expected


@pytest.mark.parametrize(
    "target",
    [
        Replicas(3, 0),
        Replicas(0, 3),
        Replicas(1, 1, terminating=2),
        replicas(3, starting_for=(1.0, 1.0, 1.0)),
    ],
)
def test_every_replica_that_may_be_working_has_slots(target: Replicas) -> None:
    spec = spec_of(None)
    workload = survey_of(spec, reading(T0, (), 3))
    assert weigh(NO_EXCESS, T0, spec, workload, target) == NO_EXCESS


@pytest.mark.parametrize(
    ("demand", "target"), [(unavailable(T0 + 1.0), replicas(1)), (reading(T0 + 1.0, (), 9), None)]
)
def test_what_is_not_believed_yet_is_forgotten_where_it_is_not_seen(
    demand: Demand, target: Replicas | None
) -> None:
    """A look that was due for it would stay due until the source, or the target, can be read again."""
    spec = spec_of(None)
    _, state = decide(T0, spec, observe(reading(T0, (), 9), replicas(1)), initial_state(T0, spec))
    assert state.excess.fewest == 8
    for age in (1.0, 20.0):
        decision, state = decide(T0 + age, spec, observe(demand, target), state)
        assert decision.due_at is None or decision.due_at > T0 + age


def test_what_is_believed_stays_where_it_is_not_seen() -> None:
    spec, known = spec_of(None), Excess(8, fewest=9, believed_at=T0 + 1.0, seen_at=T0)
    workload = survey_of(spec, reading(T0, (), 9))
    assert weigh(known, T0 + 20.0, spec, workload, None) == Excess(8, seen_at=T0)


@pytest.mark.parametrize("surplus", range(1, 9))
def test_no_more_is_taken_out_than_is_seen_while_a_source_can_not_be_read(surplus: int) -> None:
    """The work would be less than none, and the service rate with it: of two requests, 0 requests/s."""
    spec, known = spec_of(None), Excess(surplus, seen_at=T0)
    observation = observe(unavailable(T0), replicas(1))
    assert without(survey(T0, spec, observation, 0.0), known).worked == 0
    decision, _ = decide(T0, spec, observation, initial_state(T0, spec)._replace(excess=known))
    assert (decision.replicas, decision.reason) == (1, Reason.DEMAND_UNKNOWN)


def test_a_pool_that_was_edited_to_follow_other_sources_has_no_surplus() -> None:
    spec = PoolSpec(max_replicas=1, budget_seconds=30.0, sources=(SourceSpec("queue"),))
    known = Excess(8, fewest=9, believed_at=T0 + 1.0, seen_at=T0)
    workload = survey_of(spec, reading(T0, (), 9))
    assert weigh(known, T0, spec, workload, replicas(1)) == NO_EXCESS


def test_requests_that_end_with_their_worker_are_never_too_many() -> None:
    spec = PoolSpec(max_replicas=1, budget_seconds=30.0, sources=(SourceSpec("queue"),))
    assert weigh(NO_EXCESS, T0, spec, survey_of(spec, reading(T0, (), 9)), replicas(1)) == NO_EXCESS


@pytest.mark.parametrize(
    ("touched", "spare_starts", "expected"),
    [
        (math.inf, 0, (0, Reason.STOP_IDLE)),
        (0.0, 0, (3, Reason.IN_FLIGHT_UNSEEN)),
        (12.0, 0, (3, Reason.IN_FLIGHT_UNSEEN)),
        (59.0, 0, (3, Reason.IN_FLIGHT_UNSEEN)),
        (61.0, 0, (0, Reason.STOP_IDLE)),
        (12.0, 1, (3, Reason.STARTING)),
        (61.0, 1, (2, Reason.START_CANCELLED)),
    ],
)
def test_no_replica_stops_while_an_orphan_may_have_been_taken_up_again(
    touched: float, spare_starts: int, expected: tuple[int, Reason]
) -> None:
    """Three replicas have been idle for 100 s beside an orphan; a job may take 60 s. The requests in flight
    were touched so many seconds ago, and one of the replicas may be starting without a container."""
    spec, now = spec_of(60.0), T0 + 100.0
    state = initial_state(T0, spec)._replace(idle_since=T0, idle_seconds=20.0, ready_since=T0)
    starting = (StartingReplica(now - 5.0, Stage.NO_CONTAINER, now - 5.0),) * spare_starts
    seen = Replicas(3, 3 - spare_starts, starting)
    for at in (now - 0.5, now):
        found = replace(reading(at), orphaned=1, touched_at=now - touched)
        decision, state = decide(at, spec, Observation((found,), seen), state)
    assert (decision.replicas, decision.reason) == expected
    if touched == 12.0 and not spare_starts:
        assert decision.message.endswith(
            "; the requests in flight of source queue were last touched 12 s ago, and an orphaned one may be "
            "worked on again, so no replica is stopped for another 48 s"
        )
        assert decision.due_at is not None
        assert decision.due_at <= now + 48.0
