"""A pool on several classes, one of which has no capacity for a while, driven by the product's own decisions.

The world is as simple as the question: a class has nodes for everybody or for nobody, a replica that has its
node loads for a time that is drawn from a seed, and requests wait in one queue. Every second the pool is
looked at as the operator would, and the numbers of its arms are written.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from poolkeeper.api.pool import StartMode
from poolkeeper.core.arms.arm import Arm
from poolkeeper.core.arms.deciding import decide_over
from poolkeeper.core.learning.starts import arms, lessons
from poolkeeper.core.learning.starts.scarce import PLENTY, Scarce
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Observation, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec, SourceSpec

BEGIN = 1_700_000_000.0
CONTAINER_SECONDS = 3.0
STEP_SECONDS = 1.0


class Outage(NamedTuple):
    """When a class gives no node to a new replica, in seconds from the begin."""

    begins: float
    ends: float


class ClassOfNodes(NamedTuple):
    """One class of accelerators."""

    name: str
    dollars_per_hour: float
    load_seconds: float
    """Median time from a node to ready."""
    node_seconds: float = 2.0
    """How long a replica waits for its node while there is capacity."""
    outages: tuple[Outage, ...] = ()

    def returns_at(self, at: float) -> float:
        """From when on the class gives nodes again; `at` where it does now."""
        return next((each.ends for each in self.outages if each.begins <= at < each.ends), at)


@dataclass(slots=True)
class Copy:
    """One replica."""

    number: int
    asked_at: float
    admitted_at: float | None = None
    ready_at: float = math.inf
    ends: list[float] = field(default_factory=list)
    """When the requests that it works on are done."""


class Result(NamedTuple):
    """What came of a run."""

    requests: int
    late: int
    dollars: float
    switches: int
    """How many times a write raised an arm."""
    killed: int
    """Requests that were cut off by a stop."""
    asked_in_vain: int
    """Replicas that were asked for and taken back without ever having a node."""


@dataclass(slots=True)
class World:
    """A pool on its classes; `clairvoyant` lets it know at each moment which of them have capacity."""

    spec: PoolSpec
    classes: Sequence[ClassOfNodes]
    arrivals: Sequence[float]
    service_seconds: Callable[[Random], float]
    seed: int
    clairvoyant: bool = False
    now: float = BEGIN
    copies: list[list[Copy]] = field(default_factory=list)
    queue: list[float] = field(default_factory=list)
    leaving: list[tuple[float, float]] = field(default_factory=list)
    """Replicas that drain: when they end, and what they cost per hour."""
    made: int = 0
    late: int = 0
    taken: int = 0
    switches: int = 0
    killed: int = 0
    in_vain: int = 0
    dollars: float = 0.0
    log: list[tuple[float, tuple[int, ...], str]] = field(default_factory=list)

    def run(self, until: float) -> Result:
        """Run for so many seconds, and until all requests are taken."""
        random = Random(self.seed)
        self.copies = [[] for _ in self.classes]
        state = initial_state(self.now, self.spec)
        priors = [self.spec.start_prior_seconds] * (len(self.classes) - 1)
        state = state._replace(arms=arms.prepared(state.arms, priors))
        ledger, coming, review_at = Ledger.empty("queue"), list(reversed(self.arrivals)), 0.0
        while self.now < BEGIN + until or self.queue or coming:
            self.now += STEP_SECONDS
            while coming and BEGIN + coming[-1] <= self.now:
                self.queue.append(BEGIN + coming.pop())
            state = self._advance(state, random)
            self._work(random)
            is_quiet = not (self.queue or any(each.ends or each.ready_at > self.now for each in self._all()))
            if is_quiet and not any(state.arms.tried.extra) and self.now < review_at:
                continue
            in_flight = sum(len(each.ends) for each in self._all())
            poll = Sample("queue", self.now, len(self.queue), in_flight, f"{self.taken}")
            ledger = record(ledger, poll, self.spec.sources[0])
            state, due_at = self._look(Observation((ledger.demand,), None), state)
            review_at = min(due_at or math.inf, self.now + 60.0)
        self.late += len(self.queue)
        return Result(len(self.arrivals), self.late, self.dollars, self.switches, self.killed, self.in_vain)

    def _all(self) -> list[Copy]:
        return [each for copies in self.copies for each in copies]

    def _advance(self, state: PoolState, random: Random) -> PoolState:
        """Give nodes, let replicas become ready, and pay for a second."""
        for at, (known, copies) in enumerate(zip(self.classes, self.copies, strict=True)):
            has_capacity = known.returns_at(self.now - BEGIN) <= self.now - BEGIN
            for each in copies:
                if (
                    each.admitted_at is None
                    and has_capacity
                    and self.now >= each.asked_at + known.node_seconds
                ):
                    each.admitted_at = self.now
                    each.ready_at = self.now + known.load_seconds * math.exp(random.gauss(0.0, 0.1))
                if each.admitted_at is not None:
                    self.dollars += known.dollars_per_hour * STEP_SECONDS / 3600.0
                if self.now - STEP_SECONDS < each.ready_at <= self.now:
                    state = self._learn(state, at, each)
        self.leaving = [each for each in self.leaving if each[0] > self.now]
        self.dollars += sum(price for _, price in self.leaving) * STEP_SECONDS / 3600.0
        return state

    def _learn(self, state: PoolState, at: int, each: Copy) -> PoolState:
        admitted_at = each.admitted_at or each.asked_at
        begun_at = lessons.begun_at(each.asked_at, admitted_at)
        sample = StartSample(
            f"{each.number}", each.asked_at, self.now, scheduled_at=admitted_at,
            started_at=admitted_at + CONTAINER_SECONDS, ready_at=each.ready_at,
            begun_at=begun_at if begun_at > each.asked_at else None,
        )  # fmt: skip
        if at == 0:
            return learn(state, sample)
        fallbacks = list(state.arms.fallbacks)
        fallbacks[at - 1] = arms.learn(fallbacks[at - 1], sample)
        return state._replace(arms=state.arms._replace(fallbacks=tuple(fallbacks)))

    def _work(self, random: Random) -> None:
        for each in self._all():
            each.ends = [end for end in each.ends if end > self.now]
        ready = [each for each in self._all() if each.ready_at <= self.now]
        while self.queue:
            free = [each for each in ready if len(each.ends) < self.spec.concurrency]
            if not free:
                return
            waited = self.now - self.queue.pop(0)
            self.taken += 1
            self.late += waited > self.spec.budget_seconds
            random.choice(free).ends.append(self.now + self.service_seconds(random))

    def _look(self, seen: Observation, state: PoolState) -> tuple[PoolState, float | None]:
        if len(self.classes) == 1:
            observation = Observation(seen.demand, self._replicas(0))
            decision, state = decide(self.now, self.spec, observation, state)
            self._scale(0, decision.replicas)
            return state, decision.review_at
        outcome = decide_over(self.now, self.spec, seen, [self._arm(at, state) for at in self._arms], state)
        for at, number in enumerate(outcome.spread.numbers):
            self._scale(at, number)
        numbers = tuple(map(len, self.copies))
        if not self.log or numbers != self.log[-1][1]:
            self.log.append((self.now - BEGIN, numbers, outcome.decision.message))
        return outcome.state, outcome.decision.review_at

    @property
    def _arms(self) -> range:
        return range(len(self.classes))

    def _arm(self, at: int, state: PoolState) -> Arm:
        known = self.classes[at]
        return Arm(
            name=known.name,
            replicas=self._replicas(at),
            most=self.spec.max_replicas,
            scarce=self._truth(known) if self.clairvoyant else state.arms.scarce[at],
            micro_dollars_per_hour=round(known.dollars_per_hour * 1e6),
        )

    def _truth(self, known: ClassOfNodes) -> Scarce:
        returns_at = BEGIN + known.returns_at(self.now - BEGIN)
        return Scarce(1, self.now, self.now, returns_at) if returns_at > self.now else PLENTY

    def _replicas(self, at: int) -> Replicas:
        copies = self.copies[at]
        starting = tuple(self._starting(each) for each in copies if each.ready_at > self.now)
        return Replicas(len(copies), len(copies) - len(starting), starting)

    def _starting(self, each: Copy) -> StartingReplica:
        if each.admitted_at is None:
            failure = "Unschedulable" if self.now > each.asked_at else ""
            return StartingReplica(each.asked_at, Stage.UNADMITTED, failure=failure, pod=f"{each.number}")
        stage = Stage.NO_CONTAINER if self.now < each.admitted_at + CONTAINER_SECONDS else Stage.RUNNING
        begun_at = lessons.begun_at(each.asked_at, each.admitted_at)
        return StartingReplica(each.asked_at, stage, begun_at, pod=f"{each.number}")

    def _scale(self, at: int, number: int) -> None:
        """As a ReplicaSet does: those without a node go first, then those that are not ready."""
        copies = self.copies[at]
        self.switches += number > len(copies)
        while len(copies) < number:
            self.made += 1
            copies.append(Copy(self.made, self.now))
        while len(copies) > number:
            gone = max(
                copies, key=lambda each: (each.admitted_at is None, each.ready_at > self.now, each.number)
            )
            copies.remove(gone)
            self.in_vain += gone.admitted_at is None
            if gone.ends and not self.spec.drains_on_termination:
                self.killed += len(gone.ends)
            elif gone.ends:
                self.leaving.append((max(gone.ends), self.classes[at].dollars_per_hour))


HOUR = 3600.0
L4 = ClassOfNodes("nvidia-l4", 0.8048, 40.0)
L40S = ClassOfNodes("nvidia-l40s", 1.861, 45.0)
A100 = ClassOfNodes("nvidia-a100-80gb", 5.0688, 50.0)
STOCKOUT = Outage(HOUR, 2 * HOUR)
LENGTH = 4 * HOUR


class Family(NamedTuple):
    """A kind of demand, and the classes of the pool."""

    spec: PoolSpec
    classes: tuple[ClassOfNodes, ...]
    arrivals: Callable[[Random], list[float]]
    service_seconds: Callable[[Random], float]


def _poisson(random: Random, rate: Callable[[float], float], most: float) -> list[float]:
    """Arrivals at a rate that changes with time, and never exceeds `most` a second."""
    found, at = [], 0.0
    while (at := at + random.expovariate(most)) < LENGTH:
        if random.random() * most <= rate(at):
            found.append(at)
    return found


def _bursts(random: Random) -> list[float]:
    """A burst of requests about every nine minutes."""
    found, at = [], 60.0
    while at < LENGTH:
        found += [at + random.uniform(0.0, 20.0) for _ in range(random.randint(10, 40))]
        at += random.expovariate(1 / 540.0) + 60.0
    return sorted(each for each in found if each < LENGTH)


def _spec(most: int, budget_seconds: float, **others: object) -> PoolSpec:
    source = SourceSpec("queue", poll_seconds=1.0)
    return PoolSpec(max_replicas=most, budget_seconds=budget_seconds, sources=(source,), **others)  # type: ignore[arg-type]


def _about(seconds: float) -> Callable[[Random], float]:
    return lambda random: random.expovariate(1.0 / seconds)


def _short(known: ClassOfNodes, *outages: Outage) -> ClassOfNodes:
    return known._replace(outages=outages)


FAMILIES: dict[str, Family] = {
    "sparse": Family(
        _spec(1, 120.0), (_short(L4, STOCKOUT), A100),
        lambda random: _poisson(random, lambda _: 1 / 150.0, 1 / 150.0), _about(15.0),
    ),
    "sparse, held connections": Family(
        _spec(2, 90.0, start=StartMode.IMMEDIATELY), (_short(L4, STOCKOUT), A100),
        lambda random: _poisson(random, lambda _: 1 / 100.0, 1 / 100.0), _about(8.0),
    ),
    "bursts": Family(
        _spec(4, 120.0, concurrency=2), (_short(L4, STOCKOUT), A100),
        _bursts, _about(6.0),
    ),
    "steady, drains": Family(
        _spec(4, 90.0, drains_on_termination=True), (_short(L4, STOCKOUT), A100),
        lambda random: _poisson(random, lambda _: 0.1, 0.1), _about(12.0),
    ),
    "growth": Family(
        _spec(6, 120.0, drains_on_termination=True), (_short(L4, STOCKOUT), L40S),
        lambda random: _poisson(random, lambda at: 0.3 * math.sin(math.pi * at / LENGTH), 0.3), _about(12.0),
    ),
    "slow nodes": Family(
        _spec(2, 300.0), (_short(L4._replace(node_seconds=75.0), STOCKOUT), A100._replace(node_seconds=75.0)),
        lambda random: _poisson(random, lambda _: 1 / 120.0, 1 / 120.0), _about(15.0),
    ),
    "two classes short": Family(
        _spec(3, 120.0),
        (_short(L4, STOCKOUT), _short(L40S, Outage(1.25 * HOUR, 1.75 * HOUR)), A100),
        lambda random: _poisson(random, lambda _: 1 / 60.0, 1 / 60.0), _about(20.0),
    ),
}  # fmt: skip


class Comparison(NamedTuple):
    """One family and seed: with fallbacks, without, and with a clairvoyant choice of the class."""

    with_fallbacks: Result
    without: Result
    clairvoyant: Result

    @property
    def late_share(self) -> float:
        """Late requests with fallbacks, for each one without."""
        return self.with_fallbacks.late / max(self.without.late, 1)

    @property
    def cost_ratio(self) -> float:
        """Dollars with fallbacks, for each one of the clairvoyant choice."""
        return self.with_fallbacks.dollars / self.clairvoyant.dollars


def compared(family: Family, seed: int) -> Comparison:
    """The three runs on the same arrivals."""
    arrivals = family.arrivals(Random(seed))

    def run(classes: Sequence[ClassOfNodes], *, clairvoyant: bool = False) -> Result:
        world = World(family.spec, classes, arrivals, family.service_seconds, seed, clairvoyant)
        return world.run(LENGTH)

    return Comparison(run(family.classes), run(family.classes[:1]), run(family.classes, clairvoyant=True))
