"""Workers of a queue, their pods and the operator's own rules, in virtual time.

Workers take jobs as soon as their model is loaded, whatever their readiness probe says. Each step of half a
second is a poll and a look. Pods are removed in the order of a ReplicaSet; among equals one that works goes
first.
"""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from poolkeeper.controller.pool.starts import Rules, Starts
from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision
from poolkeeper.core.values.demand import survey
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Observation
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.watch.containers import Container
from poolkeeper.kube.watch.pod import Pod

T0 = 1_700_000_000.0
STEP_SECONDS = 0.5
POD_SECONDS = 1.0
"""From a scale write until the pod has a node, where nothing keeps it from one."""


class Workers(NamedTuple):
    """How the workers of a pool behave."""

    admission_seconds: float = POD_SECONDS
    container_seconds: float = 1.0
    load_seconds: float = 5.0
    ready_gap_seconds: float = 0.0
    """From the first job that a worker could take until its probe passes."""
    is_probed: bool = True
    flaps: bool = False
    """Whether the probe fails now and then for some seconds."""
    job_seconds: float = 1.0


@dataclass
class Worker:
    """A pod. Instants are Unix seconds."""

    number: int
    asked_at: float
    workers: Workers
    busy_until: float = 0.0
    unready_until: float = 0.0

    @property
    def has_node_at(self) -> float:
        return self.asked_at + self.workers.admission_seconds

    @property
    def runs_at(self) -> float:
        return self.has_node_at + self.workers.container_seconds

    @property
    def works_at(self) -> float:
        return self.runs_at + self.workers.load_seconds

    def is_ready(self, now: float) -> bool:
        if not self.workers.is_probed:
            return now >= self.runs_at
        return now >= max(self.works_at + self.workers.ready_gap_seconds, self.unready_until)

    def is_free(self, now: float) -> bool:
        return self.works_at <= now and self.busy_until <= now

    def rank(self, now: float) -> tuple[int, bool]:
        """The order in which a ReplicaSet removes pods."""
        if now < self.has_node_at:
            return 0, False
        if now < self.runs_at:
            return 1, False
        return (3 if self.is_ready(now) else 2), self.busy_until <= now

    def seen(self, now: float) -> Pod:
        """As the watch shows it."""
        runs, is_ready = now >= self.runs_at, self.is_ready(now)
        ready_at = (
            self.runs_at if not self.workers.is_probed else self.works_at + self.workers.ready_gap_seconds
        )
        return Pod(
            uid=str(self.number),
            name=f"chat-{self.number}",
            namespace="ns",
            labels={},
            created_at=float(int(self.asked_at)),
            scheduled_at=float(int(self.has_node_at)) if now >= self.has_node_at else None,
            started_at=float(int(self.runs_at)) if runs else None,
            ready_at=float(int(max(ready_at, self.unready_until))) if is_ready else None,
            is_ready=is_ready,
            is_terminating=False,
            is_finished=False,
            failure="",
            has_node=now >= self.has_node_at,
            is_pending=not runs,
            is_running=runs,
            containers=(Container("worker", self.workers.is_probed, (), ()),),
            controller=("ReplicaSet", "chat-1"),
        )


@dataclass
class Scene:
    """A pool in closed loop. `ended` are the jobs that a scale-down ended; it should stay empty."""

    spec: PoolSpec
    workers: Workers
    seed: int = 0
    now: float = T0
    pods: list[Worker] = field(default_factory=list)
    queue: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    in_flight: list[float] = field(default_factory=list)
    changes: list[tuple[float, int, int, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    asked_for: int = 0
    replica_seconds: float = 0.0
    messages: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.starts, self.rng = Starts(), random.Random(self.seed)
        self.state: PoolState = initial_state(T0, self.spec)
        self.ledger = Ledger.empty(self.spec.sources[0].name)

    def restart(self) -> None:
        """The operator ends, and another begins with what the status holds."""
        self.starts = Starts()
        self.state = restore(save(self.state), self.now, self.spec)
        self.ledger = Ledger.empty(self.spec.sources[0].name)

    def run(self, arrivals: list[float], until: float) -> None:
        """Jobs arrive so many seconds after the beginning."""
        coming = sorted(T0 + at for at in arrivals)
        while self.now < T0 + until:
            self.now += STEP_SECONDS
            while coming and coming[0] <= self.now:
                self.queue.append(coming.pop(0))
            self.in_flight = [end for end in self.in_flight if end > self.now]
            if self.spec.sources[0].sees_in_flight:
                self._take()
            self._flap()
            self.replica_seconds += len(self.pods) * STEP_SECONDS
            self._scale(self._decide())
            self._take()

    @property
    def desired(self) -> int:
        return len(self.pods)

    def _take(self) -> None:
        for pod in self.pods:
            if self.queue and pod.is_free(self.now):
                self.waits.append(self.now - self.queue.pop(0))
                pod.busy_until = self.now + self.workers.job_seconds
                self.in_flight.append(pod.busy_until)

    def _flap(self) -> None:
        for pod in self.pods:
            if self.workers.flaps and pod.is_ready(self.now) and self.rng.random() < 0.05:
                pod.unready_until = self.now + self.rng.uniform(1.0, 20.0)

    def _decide(self) -> Decision:
        source = self.spec.sources[0]
        in_flight = len(self.in_flight) if source.sees_in_flight else None
        poll = Sample(source.name, self.now, len(self.queue), in_flight, f"{len(self.waits)}")
        self.ledger = record(self.ledger, poll, source)
        demand, pods = (self.ledger.demand,), [pod.seen(self.now) for pod in self.pods]
        known = self.state.starts
        rules = Rules(usual_seconds=known.ended_p95_seconds, longest_seconds=known.ended_slowest_seconds)
        self.starts.follow(pods, self.now, rules)
        if self.starts.has_unproven:
            workload = survey(self.now, self.spec, Observation(demand, None), 0.0)
            self.starts.note_work(self.now, self.spec, workload)
        for sample in self.starts.samples(pods, self.now):
            self.state = learn(self.state, sample)
        replicas = self.starts.replicas(self.desired, pods, self.now)
        decision, self.state = decide(self.now, self.spec, Observation(demand, replicas), self.state)
        self.messages.add(decision.message)
        return decision

    def _scale(self, decision: Decision) -> None:
        before, wanted = self.desired, decision.replicas
        if wanted == before:
            return
        self.changes.append((self.now - T0, before, wanted, str(decision.reason)))
        self.starts.scaled(before, wanted, self.now)
        for _ in range(wanted - before):
            self.asked_for += 1
            self.pods.append(Worker(self.asked_for, self.now, self.workers))
        for _ in range(before - wanted):
            victim = min(self.pods, key=lambda pod: (pod.rank(self.now), -pod.asked_at))
            self.pods.remove(victim)
            if victim.busy_until > self.now:
                self.ended.append(f"{decision.reason} at {self.now - T0:.1f} s: {decision.message}")
