"""The backtest decides as the operator does: a recorded run of the real loop, replayed, gives the same
decisions.

The operator's loop runs for hours of virtual time against a queue, a target and pods that this test scripts.
What can be seen at every instant is recorded, and every decision. The backtest's Poolkeeper is then shown the
same facts at the same instants (`backtest/controllers/poolkeeper.py`), and must decide the same at each look.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from hack.testing.clocks import VirtualTimeLoop
from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.controller.loop.loop import Loop
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.core.baselines.controller import NEVER, TICK, is_tick
from poolkeeper.core.baselines.replica import Replica
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.tuning import RELOOK_SECONDS
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.watch.pod import project_pod
from tests.component.controller.fake_cluster import FakeCluster

BEGAN = 1_000_000.0
POLL_SECONDS = 0.5
POD_DELAY_SECONDS = 0.1
"""From a scale write until pods follow."""
SETTING = Setting(
    budget_seconds=60,
    objective_percent=99,
    max_replicas=3,
    start=StartMode.AUTO,
    drains=False,
    poll_seconds=POLL_SECONDS,
)
DECLARED: dict[str, Any] = {
    "replicas": {"min": 0, "max": 3},
    "coldStart": {"budgetSeconds": 60, "objectivePercent": 99, "start": "Auto"},
    "scaleToZero": {"mode": "Learned"},
}
KEY = PoolKey("ns", "pool")


@dataclass(frozen=True)
class Facts:
    """What can be seen from an instant on; `starting` are replicas by number, with when each was asked
    for."""

    at: float = BEGAN
    arrived: int = 0
    taken: int = 0
    completed: int = 0
    desired: int = 0
    ready: tuple[int, ...] = ()
    starting: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """The operator decided on these facts."""

    facts: Facts
    replicas: int
    reason: str


class World(FakeCluster):
    """A queue, its workers and their pods, in the time of the event loop."""

    def __init__(self, requests: list[tuple[float, float]], start_seconds: Callable[[int], float]) -> None:
        super().__init__()
        self.recorded: list[Facts | Look] = []
        self.scales.write = self.write  # type: ignore[method-assign]
        self.scales.replicas["worker"] = 0
        self._requests, self._start_seconds = requests, start_seconds
        self._facts = Facts()
        self._queue: list[float] = []
        self._busy_until: list[float] = []
        self._created = 0

    def clock(self) -> float:
        """Virtual time, which is the loop's."""
        return BEGAN + asyncio.get_running_loop().time()

    async def write(self, target: TargetKey, scale: Scale, replicas: int) -> Scale:
        """The API server takes the number at once; pods come and go a little later."""
        before, now, loop = self._facts.desired, self.clock(), asyncio.get_running_loop()
        self.scales.replicas["worker"] = replicas
        starting = dict(self._facts.starting)
        for _ in range(replicas - before):
            self._created += 1
            starting[self._created] = now
            loop.call_later(POD_DELAY_SECONDS, self._pod, self._created, now)
            loop.call_later(self._start_seconds(self._created), self._become_ready, self._created)
        for number in sorted([*self._facts.ready, *starting], reverse=True)[: max(0, before - replicas)]:
            starting.pop(number, None)
            loop.call_later(POD_DELAY_SECONDS, self._lose_pod, number)
        self._see(desired=replicas, starting=starting)
        return replace(scale, replicas=replicas)

    async def work(self) -> None:
        """Requests come, are taken and completed; the queue is read at every poll."""
        while True:
            self._pass()
            facts = self._facts
            in_flight = facts.taken - facts.completed
            marker = f"{facts.completed}-{facts.taken}" if in_flight else ""
            news = Sample("jobs", self.clock(), facts.arrived - facts.taken, in_flight, marker)
            self.readings.published(KEY, news)
            await asyncio.sleep(POLL_SECONDS)

    def _pass(self) -> None:
        """What has happened since the last poll."""
        now, arrived = self.clock(), 0
        while self._requests and BEGAN + self._requests[0][0] <= now:
            self._queue.append(self._requests.pop(0)[1])
            arrived += 1
        busy = [until for until in self._busy_until if until > now]
        completed = len(self._busy_until) - len(busy)
        free = max(0, len(self._facts.ready) - len(busy))
        taken, self._queue = self._queue[:free], self._queue[free:]
        self._busy_until = [*busy, *(now + seconds for seconds in taken)]
        if arrived or completed or taken:
            self._see(
                arrived=self._facts.arrived + arrived,
                taken=self._facts.taken + len(taken),
                completed=self._facts.completed + completed,
            )

    async def reconcile(self, key: PoolKey) -> float | None:
        """One look of the operator's. What it writes changes the facts, so they are noted before."""
        at, facts, before = len(self.recorded), replace(self._facts, at=self.clock()), self.decisions()
        come_back_at = await self.reconciler.reconcile(key)
        pool = self.store.get(key)
        if pool and pool.decision and self.decisions() > before:
            self.recorded.insert(at, Look(facts, pool.decision.replicas, str(pool.decision.reason)))
        return come_back_at

    async def explain_failure(self, key: PoolKey, error: Exception) -> None:
        """No look may fail."""
        raise error

    def _pod(self, number: int, asked_at: float, ready_at: float | None = None) -> None:
        def timestamp(at: float) -> str:
            return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": timestamp(asked_at)}]
        if ready_at is not None:
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": timestamp(ready_at)}
            conditions.append(ready)
        name = str(number)
        self.pods.present[name] = project_pod(
            {
                "metadata": {
                    "uid": name,
                    "name": name,
                    "namespace": "ns",
                    "resourceVersion": "1",
                    "labels": {"app": "worker"},
                    "creationTimestamp": timestamp(asked_at),
                    "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
                },
                "status": {"phase": "Pending" if ready_at is None else "Running", "conditions": conditions},
            }
        )
        self.readings.pods_changed("ns", self.pods.present)

    def _become_ready(self, number: int) -> None:
        starting = dict(self._facts.starting)
        asked_at = starting.pop(number, None)
        if asked_at is not None:
            self._see(ready=(*self._facts.ready, number), starting=starting)
            self._pod(number, asked_at, self.clock())

    def _lose_pod(self, number: int) -> None:
        self._see(ready=tuple(each for each in self._facts.ready if each != number))
        self.pods.present.pop(str(number), None)
        self.readings.pods_changed("ns", self.pods.present)

    def _see(self, **changes: Any) -> None:
        self._facts = replace(self._facts, at=self.clock(), **changes)
        self.recorded.append(self._facts)


class Recorded:
    """A recorded pool, as the backtest's controllers see pools."""

    mean_start_seconds: float | None = None

    def __init__(self) -> None:
        self.facts = Facts()
        self.head = self.tail = self.completed = self.desired = self.ready = 0
        self.starting: list[Replica] = []
        self.newly_ready: list[Replica] = []
        self._replicas: dict[int, Replica] = {}

    def show(self, facts: Facts) -> None:
        """From now on these are the facts."""
        for number, asked_at in facts.starting.items():
            self._replicas.setdefault(number, Replica(number, asked_at, 0.0))
        for number in set(facts.ready) - set(self.facts.ready):
            self._replicas[number].ready_at = facts.at
            self.newly_ready.append(self._replicas[number])
        self.head, self.tail, self.completed = facts.taken, facts.arrived, facts.completed
        self.desired, self.ready = facts.desired, len(facts.ready)
        self.starting = [self._replicas[number] for number in facts.starting]
        self.facts = facts

    @property
    def queued(self) -> int:
        return self.tail - self.head

    @property
    def in_flight(self) -> int:
        return self.head - self.completed

    def load_integral(self, now: float) -> float:
        raise NotImplementedError

    def terminating(self, now: float) -> int:
        return 0


@dataclass(frozen=True)
class Recording:
    """A run of the operator's loop, and what it has learned by its end."""

    entries: list[Facts | Look]
    learned: PoolState

    @property
    def looks(self) -> list[Look]:
        """The operator's decisions."""
        return [entry for entry in self.entries if isinstance(entry, Look)]


async def _run(world: World, seconds: float) -> Recording:
    world.declare(**DECLARED)
    loop = Loop(world.agenda, world, Timings(CollectorRegistry()), world.clock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(world.work()), group.create_task(loop.run())]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
    pool = world.store.get(KEY)
    assert pool is not None
    assert pool.state is not None
    return Recording(world.recorded, pool.state)


def record(seconds: float) -> Recording:
    """Requests come alone, in groups and in long intervals; one start in nine is slow, some are taken
    back."""
    rng = random.Random(7)
    requests: list[tuple[float, float]] = []
    at = 20.0
    while at < seconds:
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            requests.append((at, rng.uniform(2.0, 30.0)))
            at += rng.uniform(0.0, 8.0)
        at += rng.choice((5.0, 40.0, 90.0, 90.0, 300.0, 900.0))
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_run(World(requests, _start_seconds), seconds))


def _start_seconds(number: int) -> float:
    return 290.0 if number % 9 == 0 else 30.0 + 5.0 * (number % 4)


def replay(recorded: Recording) -> tuple[list[tuple[float, int, str]], PoolState]:
    """What the backtest's Poolkeeper decides at every look, the operator's and its own, and what it
    learns."""
    view, poolkeeper = Recorded(), Poolkeeper(SETTING)
    poolkeeper.wake_at = NEVER
    decisions: list[tuple[float, int, str]] = []

    def look(at: float) -> None:
        replicas = poolkeeper.step(at, view)
        assert poolkeeper.last_decision is not None
        decisions.append((at, replicas, str(poolkeeper.last_decision.reason)))

    for entry in recorded.entries:
        at = entry.facts.at if isinstance(entry, Look) else entry.at
        while poolkeeper.wake_at < at - TICK:
            if is_tick(poolkeeper.wake_at, RELOOK_SECONDS):
                # The operator reads its target again at instants that chance chooses; those are recorded.
                due_at = poolkeeper.last_decision.due_at if poolkeeper.last_decision else None
                poolkeeper.wake_at = NEVER if due_at is None else due_at
            else:
                look(poolkeeper.wake_at)
        if isinstance(entry, Look):
            look(at)
            continue
        before = view.facts
        view.show(entry)
        if (entry.arrived, entry.taken, entry.completed) != (before.arrived, before.taken, before.completed):
            poolkeeper.wake_at = min(poolkeeper.wake_at, poolkeeper.sees_requests_at(at))
        elif entry.ready != before.ready:
            poolkeeper.wake_at = min(poolkeeper.wake_at, poolkeeper.sees_replicas_at(at))
        # What the operator has written itself is no news to it: it looks again when pods follow.
    return decisions, poolkeeper.state


def summary(learned: PoolState) -> dict[str, object]:
    """What was learned and decisions depend on."""
    starts = learned.starts
    return {
        "starts": (starts.samples, starts.seconds, starts.running, starts.quantiles),
        "gaps": learned.gaps,
        "load": learned.load,
        "service": learned.service,
        "objective": learned.objective,
    }


def test_a_recorded_run_of_the_loop_is_decided_alike_in_the_backtest() -> None:
    recorded = record(seconds=20_000.0)
    decisions, learned = replay(recorded)
    assert decisions == [(look.facts.at, look.replicas, look.reason) for look in recorded.looks]
    assert summary(learned) == summary(recorded.learned)
    assert {look.reason for look in recorded.looks} > {"WaitingForDeadline", "StartCancelled", "StopIdle"}
