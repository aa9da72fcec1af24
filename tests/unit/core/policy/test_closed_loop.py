"""The policy in closed loop with a pool that follows its decisions: what must hold from zero and back."""

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import FIRST_SERVICE_SECONDS
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Observation, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec
from tests.unit.core.strategies import T0, spec_of, taught

START_SECONDS = 20.0
SERVICE_SECONDS = 2.0
ESTIMATED_START_SECONDS = 28.0
"""The estimated start time for 60 requests at 99.5 %, after eight that took START_SECONDS."""
UNPROVEN_START_SECONDS = 50.0
"""The least estimated start time while only the prior of 30 s is known."""
LATE_SECONDS = 5.0
"""Requests that no start can serve in time are to be taken within so long after it."""


@dataclass
class Pool:
    """A target whose starts all take the same time, looked at every half second."""

    spec: PoolSpec
    now: float = T0
    starting: list[float] = field(default_factory=list)
    ready: int = 0
    queue: list[float] = field(default_factory=list)
    busy_until: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    changes: list[tuple[float, int, int, Reason]] = field(default_factory=list)
    starts_seen: int = 8

    def run(self, arrivals: list[float], until: float) -> None:
        state = taught(self.spec, (START_SECONDS,) * self.starts_seen)
        ledger = Ledger.empty("queue")
        while self.now < T0 + until:
            self.now += 0.5
            self.queue += [T0 + at for at in arrivals if self.now - 0.5 < T0 + at <= self.now]
            for asked_at in [at for at in self.starting if at + START_SECONDS <= self.now]:
                self.starting.remove(asked_at)
                self.ready += 1
                sample = StartSample(f"{asked_at}", asked_at, self.now, ready_at=asked_at + START_SECONDS)
                state = learn(state, sample)
            self.work()
            marker = f"{len(self.waits)}"
            poll = Sample("queue", self.now, len(self.queue), len(self.busy_until), marker)
            ledger = record(ledger, poll, self.spec.sources[0])
            starting = tuple(StartingReplica(at, Stage.NO_CONTAINER, at) for at in self.starting)
            desired = self.ready + len(self.starting)
            observation = Observation((ledger.demand,), Replicas(desired, self.ready, starting))
            decision, state = decide(self.now, self.spec, observation, state)
            self.scale(desired, decision.replicas, decision.reason)

    def work(self) -> None:
        self.busy_until = [end for end in self.busy_until if end > self.now]
        while self.queue and len(self.busy_until) < self.ready * self.spec.concurrency:
            self.waits.append(self.now - self.queue.pop(0))
            self.busy_until.append(self.now + SERVICE_SECONDS)

    def scale(self, desired: int, wanted: int, reason: Reason) -> None:
        if wanted != desired:
            self.changes.append((self.now, desired, wanted, reason))
        for _ in range(wanted - desired):
            self.starting.append(self.now)
        for _ in range(desired - wanted):
            if self.starting:
                self.starting.pop()
            else:
                self.ready -= 1
                assert len(self.busy_until) <= self.ready * self.spec.concurrency, (
                    "a busy replica was stopped"
                )


traces = st.lists(st.floats(0.5, 900.0), min_size=1, max_size=40)


@settings(deadline=None, max_examples=25)
@given(traces, st.sampled_from((10.0, 40.0, 120.0)))
def test_no_stop_is_followed_by_a_start_without_a_new_request(arrivals: list[float], budget: float) -> None:
    pool = Pool(spec_of(3, budget))
    pool.run(arrivals, 1_300.0)
    stops = [change for change in pool.changes if change[2] < change[1]]
    starts = [change for change in pool.changes if change[2] > change[1]]
    for stopped_at, *_ in stops:
        follower = next((at for at, *_ in starts if at > stopped_at), None)
        if follower is not None and follower - stopped_at < START_SECONDS:
            assert any(stopped_at - 0.5 < T0 + at <= follower for at in arrivals)
    assert len(pool.waits) == len(arrivals)
    assert pool.ready == 0


@settings(deadline=None, max_examples=25)
@given(traces)
def test_every_request_is_taken_within_a_budget_that_leaves_room(arrivals: list[float]) -> None:
    pool = Pool(spec_of(8, 60.0, concurrency=4))
    pool.run(arrivals, 1_300.0)
    assert len(pool.waits) == len(arrivals)
    assert max(pool.waits) <= 60.0


def test_one_request_makes_one_trip_as_late_as_the_budget_allows() -> None:
    pool = Pool(spec_of(3, 60.0))
    pool.run([10.0], 200.0)
    (started_at, *start), (stopped_at, *stop) = pool.changes
    assert start == [0, 1, Reason.START_FOR_DEADLINE]
    assert stop == [1, 0, Reason.STOP_IDLE]
    assert 20.0 < started_at - T0 - 10.0 < 60.0 - START_SECONDS
    assert stopped_at - started_at < START_SECONDS + SERVICE_SECONDS + 4.0


def test_a_burst_is_met_with_what_it_needs_and_not_one_replica_per_request() -> None:
    pool = Pool(spec_of(40, 60.0))
    pool.run([10.0, 110.0, 210.0, 310.0, 410.0] + [500.0] * 60, 800.0)
    most = max(wanted for _, _, wanted, _ in pool.changes)
    assert 3 <= most <= 12
    assert max(pool.waits) <= 60.0


def test_few_replicas_early_do_the_work_of_many_at_the_last_moment() -> None:
    pool = Pool(spec_of(8, 60.0))
    pool.run([10.0] * 4 + [200.0] * 9, 400.0)
    assert max(wanted for at, _, wanted, _ in pool.changes if at >= T0 + 200.0) == 1
    assert max(pool.waits) <= 60.0


@pytest.mark.parametrize("budget", [60.0, 30.0, 10.0])
def test_the_first_burst_gets_no_more_than_requests_of_the_assumed_length_could_use(budget: float) -> None:
    pool = Pool(spec_of(40, budget), starts_seen=0)
    pool.run([10.0] * 60, 400.0)
    most = max(wanted for _, _, wanted, _ in pool.changes)
    seconds_left = max(budget - UNPROVEN_START_SECONDS, LATE_SECONDS)
    assert most <= math.ceil(1.2 * 60 * FIRST_SERVICE_SECONDS / seconds_left)


@pytest.mark.parametrize("starts_seen", [0, 1])
@pytest.mark.parametrize("budget", [60.0, 40.0, 20.0, 10.0])
def test_what_a_start_is_sure_to_miss_is_not_started_for_again_and_again(
    budget: float, starts_seen: int
) -> None:
    pool = Pool(spec_of(40, budget, concurrency=4), starts_seen=starts_seen)
    pool.run([10.0] * 12, 200.0)
    assert max(wanted for _, _, wanted, _ in pool.changes) <= 3


@pytest.mark.parametrize("budget", [60.0, 30.0, 10.0])
def test_a_burst_of_requests_of_known_length_gets_no_more_than_it_can_use(budget: float) -> None:
    pool = Pool(spec_of(40, budget))
    pool.run([10.0] * 10 + [200.0] * 60, 600.0)
    most = max(wanted for at, _, wanted, _ in pool.changes if at >= T0 + 200.0)
    seconds_left = max(budget - ESTIMATED_START_SECONDS, LATE_SECONDS)
    assert most <= math.ceil(1.5 * 60 * SERVICE_SECONDS / seconds_left)
