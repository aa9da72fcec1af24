"""Poolkeeper itself: the operator's own ledger, rules and `decide`, fed with what the operator would see.

A poll shows depths, never the trace. Polls that would show the same again are skipped: the last reading is
dated to the latest poll before it is used, which is what polling on would have done.

Starts are learned by `core.learning.starts.lessons`, as in the operator. A start that is taken back teaches
nothing. A simulated replica has a perfect readiness probe, and none of its containers runs before it is
ready, since a replay knows start times but not their parts: so a start can be taken back for longer than on a
cluster.
"""

import math
import random
from dataclasses import replace

from poolkeeper.api.pool import WhenUnattainable
from poolkeeper.backtest.controllers.clock import SteppingClock
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.core.baselines.controller import NEVER, Pool, next_tick, tick_after
from poolkeeper.core.baselines.replica import Replica
from poolkeeper.core.learning.starts import lessons
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import RELOOK_SECONDS
from poolkeeper.core.values.decision import Decision
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Observation, Replicas, Stage, StartingReplica, Unavailable
from poolkeeper.core.values.source_demand import SourceDemand
from poolkeeper.core.values.spec import PoolSpec, SourceSpec, start_mode

SOURCE = "queue"
STALE_AFTER_SECONDS = SourceSpec(SOURCE).stale_after_seconds


def pool_spec(setting: Setting) -> PoolSpec:
    """The pool's declaration. A trace is a queue, in which no client holds a connection."""
    disturbance = setting.disturbance
    skips_polls = disturbance.lost_percent == 0 and disturbance.clock_back_seconds == 0
    source = SourceSpec(
        SOURCE,
        poll_seconds=setting.poll_seconds,
        stale_after_seconds=math.inf if skips_polls else STALE_AFTER_SECONDS + disturbance.lag_seconds,
    )
    return PoolSpec(
        max_replicas=setting.max_replicas,
        min_replicas=setting.min_replicas,
        budget_seconds=setting.budget_seconds,
        concurrency=setting.concurrency,
        objective_percent=setting.objective_percent,
        start=start_mode(setting.start, is_held=False),
        when_unattainable=WhenUnattainable.KEEP_WARM if setting.keeps_warm else WhenUnattainable.BEST_EFFORT,
        drains_on_termination=setting.drains,
        sources=(source,),
        start_prior_seconds=setting.start_prior_seconds,
        expected_service_seconds=setting.expected_service_seconds,
    )


class Poolkeeper:
    """Runs `decide` at every instant at which the operator's own answer could change."""

    def __init__(self, setting: Setting) -> None:
        self.wake_at = 0.0
        self.spec = pool_spec(setting)
        self.state: PoolState = initial_state(0.0, self.spec)
        self.last_decision: Decision | None = None
        self._poll = setting.poll_seconds
        self._lag = setting.disturbance.lag_seconds
        self._lost_share = setting.disturbance.lost_percent / 100
        self._random = random.Random(f"{setting.seed} lost polls")  # noqa: S311
        self._clock = SteppingClock(setting.disturbance.clock_back_seconds)
        self._demand = SourceDemand.unread(self.spec.sources[0])
        self._due: list[float] = []
        self._seen: list[tuple[float, Sample]] = []
        self._shown = Sample(SOURCE, 0.0, 0, 0)
        self._shown_at = -math.inf
        self._lost_at = self._next_lost(0.0)
        self._recovers_at = NEVER
        self._learned_ages: dict[int, float | None] = {}

    @property
    def unattainable(self) -> str:
        """Why the promise can't be kept, as the condition BudgetAttainable says it; empty if it can be."""
        verdict = self.last_decision.budget_attainable if self.last_decision else None
        return verdict.message if verdict is not None and verdict.holds is False else ""

    def sees_requests_at(self, now: float) -> float:
        """A change is seen by the next poll, and acted upon once that has come back."""
        polled_at = next_tick(now, self._poll)
        if not self._due or self._due[-1] < polled_at:
            self._due.append(polled_at)
        return polled_at

    def sees_replicas_at(self, now: float) -> float:
        """Pods are watched: a change is seen at once."""
        return now

    def step(self, now: float, pool: Pool) -> int:
        self._take_due_polls(now, pool)
        self._show(now)
        self._learn(now, pool)
        observation = Observation(demand=(self._demand.current(),), replicas=self._replicas(now, pool))
        shown = self._clock.read(now)
        decision, self.state = decide(shown, self.spec, observation, self.state)
        self.last_decision = decision
        self.wake_at = self._next_wake(now, decision, pool)
        return decision.replicas

    def _take_due_polls(self, now: float, pool: Pool) -> None:
        """Reads the queue where a poll is due; what it shows arrives `lag` later."""
        while self._due and self._due[0] <= now:
            polled_at = self._due.pop(0)
            if now >= self._lost_at:
                self._due.insert(0, polled_at + self._poll)
                return
            marker = f"{pool.completed}-{pool.head}" if pool.in_flight else ""
            sample = Sample(SOURCE, polled_at, pool.queued, pool.in_flight, marker)
            self._seen.append((polled_at + self._lag, sample))

    def _show(self, now: float) -> None:
        """Records the samples that have come by now, each after the unchanged one of the poll before it."""
        while self._seen and self._seen[0][0] <= now:
            _, sample = self._seen.pop(0)
            self._repeat(sample.observed_at - self._poll)
            self._record(sample)
        if now < self._lost_at:
            self._repeat(self._last_poll_before(now - self._lag))
            self._recovers_at = NEVER
            return
        lost = Unavailable(SOURCE, "PollFailed", "the poll failed", since=self._clock.read(now))
        self._demand.enter(lost)
        self._recovers_at = now + self._poll
        self._lost_at = max(self._next_lost(now), now + 2 * self._poll)

    def _last_poll_before(self, instant: float) -> float:
        return math.floor(instant / self._poll + 1e-9) * self._poll

    def _repeat(self, polled_at: float) -> None:
        if polled_at > self._shown_at:
            shown = self._shown
            self._record(Sample(SOURCE, polled_at, shown.queued, shown.in_flight, shown.in_flight_marker))

    def _record(self, sample: Sample) -> None:
        dated = sample
        if not self._clock.is_true:
            dated = replace(sample, observed_at=self._clock.read(sample.observed_at))
        self._demand.enter(dated)
        self._shown = sample
        self._shown_at = sample.observed_at

    def _learn(self, now: float, pool: Pool) -> None:
        if not (pool.newly_ready or pool.starting or self._learned_ages):
            return
        learned_ages: dict[int, float | None] = {}
        samples = [
            self._start_sample(now, replica, replica.ready_at)
            for replica in pool.newly_ready
            if lessons.is_believed(replica.ready_at - replica.asked_at)
        ]
        for replica in pool.starting:
            age, learned_age = now - replica.asked_at, self._learned_ages.get(replica.number)
            if lessons.has_grown(age, learned_age):
                samples.append(self._start_sample(now, replica, None))
                learned_age = age
            learned_ages[replica.number] = learned_age
        self._learned_ages = learned_ages
        for sample in lessons.in_order(samples):
            self.state = learn(self.state, sample)

    def _next_lost(self, now: float) -> float:
        if not self._lost_share:
            return NEVER
        return next_tick(now + self._random.expovariate(self._lost_share / self._poll), self._poll)

    def _next_wake(self, now: float, decision: Decision, pool: Pool) -> float:
        """The review, a poll that is due, a sample on its way, a poll that will fail, a look at starts, or at
        a clock that steps: that one is polled all along, so readings don't grow too old between the looks.
        """
        review_at = decision.review_at if self._clock.is_true else decision.due_at
        behind = now - self._clock.read(now)
        review = NEVER if review_at is None else max(review_at + behind, now + 0.01)
        due = self._due[0] if self._due else NEVER
        shown = self._seen[0][0] if self._seen else NEVER
        reread = tick_after(now, RELOOK_SECONDS) if pool.starting else NEVER
        stepped = self._clock.next_look(now, self._poll)
        return min(review, due, shown, self._lost_at, self._recovers_at, reread, stepped)

    def _replicas(self, now: float, pool: Pool) -> Replicas:
        read = self._clock.read
        asked = [read(replica.asked_at) for replica in pool.starting]
        starting = tuple(StartingReplica(at, Stage.NO_CONTAINER, at) for at in asked)
        return Replicas(pool.desired, pool.ready, starting, pool.terminating(now))

    def _start_sample(self, now: float, replica: Replica, ready_at: float | None) -> StartSample:
        return StartSample(
            uid=str(replica.number),
            asked_at=self._clock.read(replica.asked_at),
            observed_at=self._clock.read(now),
            ready_at=None if ready_at is None else self._clock.read(ready_at),
        )
