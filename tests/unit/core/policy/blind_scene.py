"""A pool whose source misses requests, from poll to poll: its queue, its workers and its decisions."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.state import PoolState, initial_state
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Observation, Replicas, Stage, StartingReplica
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
        has_news = self.demand.enter(self._sample(now, quiet))
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

    def _sample(self, now: float, quiet_seconds: float | None) -> Sample:
        return Sample("jobs", now, self.queued, quiet_seconds=quiet_seconds)

    def _replicas(self) -> Replicas:
        starting = () if self.asked_at is None else (self._starting(),) * (self.desired - self.ready)
        return Replicas(self.desired, self.ready, starting, int(self.at < self.drains_until))

    def _starting(self) -> StartingReplica:
        assert self.asked_at is not None
        return StartingReplica(T0 + self.asked_at, Stage.NO_CONTAINER, T0 + self.asked_at)
