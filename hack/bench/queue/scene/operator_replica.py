"""One replica of the operator in a simulated world: its real parts, and what the world delivers to it.

Real are the store, the loop, the reconciler with everything below it, the lease, the reports, and the
sources' questions and answers. Simulated are the watches (a change is delivered after a moment) and the
connections to Redis.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from prometheus_client import CollectorRegistry

from hack.bench.queue.scene.memory_api import MemoryApi
from hack.bench.queue.scene.memory_redis import MemoryRedis, MemoryWire
from hack.bench.queue.scene.world_time import WorldTime
from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.intake.readings import Readings
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.loop.leadership import Leadership
from poolkeeper.controller.loop.loop import Loop
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.controller.pool.held.news import NewsReader
from poolkeeper.controller.pool.refusals import RefusalReader
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.reconcile.reconciler import Reconciler
from poolkeeper.controller.reporting.report import Reporter
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.conflicts import scalers_in
from poolkeeper.kube.objects.devices.reader import ClaimReader
from poolkeeper.kube.objects.events import EventRecorder
from poolkeeper.kube.objects.leases import LeaseClient
from poolkeeper.kube.objects.pod_events import read_pod_events
from poolkeeper.kube.objects.refused_pods import read_refusal
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.objects.status import write_status
from poolkeeper.kube.objects.targets import read_target
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.kube.watch.pods import PodWatch
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.redis.session import RedisSession
from poolkeeper.sources.registry import queue_of
from poolkeeper.sources.watch import Watch

CLASS = {"spec": {"vendor": "None", "displayName": "CPU", "nodeTailSeconds": 0, "expectedStartSeconds": 20}}
READ_SECONDS = 2.0
LOOK_SECONDS = 0.002
MOST_LOOKS_PER_SECOND = 100


class Pods:
    """The pods of all namespaces, as the API server shows them."""

    def __init__(self) -> None:
        self.by_namespace: dict[str, dict[str, Pod]] = {}

    def pods(self, namespace: str) -> dict[str, Pod]:
        """The pods of one namespace by uid, as a snapshot."""
        return dict(self.by_namespace.get(namespace, {}))

    def failure(self, namespace: str) -> KubeFailure | None:
        """They are always current."""
        return None

    def follow(self, namespaces: set[str]) -> None:
        """Every namespace is followed."""


@dataclass
class Surroundings:
    """What all replicas of the operator see."""

    time: WorldTime
    api: MemoryApi
    pods: Pods
    servers: dict[str, MemoryRedis]
    """Redis servers by the namespace of their pool."""


class OperatorReplica:
    """Starts at once and runs until it is killed."""

    def __init__(self, identity: str, around: Surroundings) -> None:
        self._read_at: dict[str, tuple[float, float]] = {}
        self._around = around
        self._polls: dict[PoolKey, list[asyncio.Task[None]]] = {}
        self._store = Store()
        self._agenda: Agenda[PoolKey] = Agenda(around.time)
        self._readings = Readings(self._store, self._agenda)
        client = cast(KubeClient, around.api)
        self.leadership = Leadership(
            LeaseClient(client, "poolkeeper-system", "poolkeeper", around.time),
            identity,
            around.time.monotonic,
            on_change=self._readings.leadership_changed,
        )
        self._timings = Timings(CollectorRegistry())
        events = EventRecorder(client, around.time, on_drop=lambda: None)
        self._updates = Updates(
            self._store,
            self._agenda,
            self._readings.mark,
            queues=self,
            services=_NoServices(),
            pods=cast(PodWatch, around.pods),
            is_leading=self.leadership.may_write,
        )
        looks = _Looks(self._reconciler(client, events), around.time)
        loop = Loop(self._agenda, looks, self._timings, around.time)
        parts = (self.leadership.run(), loop.run(), events.run())
        self._parts = [asyncio.create_task(part) for part in parts]
        self._updates.class_seen("cpu", CLASS)
        for namespace in around.api.pools:
            self.pool_seen(namespace)

    @property
    def failed_looks(self) -> int:
        """How many looks at a pool ended in a bug."""
        samples = (sample for metric in self._timings.pool_errors.collect() for sample in metric.samples)
        return int(next(sample.value for sample in samples if sample.name.endswith("_total")))

    def last_look(self, namespace: str, until: float) -> tuple[float, str]:
        """When it had last read the queue of a namespace, up to an instant, and the reason of its last
        decision there. A reading that comes while a write is on its way can't change that write."""
        before, last = self._read_at.get(namespace, (0.0, 0.0))
        pool = self._store.get(PoolKey(namespace, "pool"))
        reason = pool.decision.reason if pool and pool.decision else ""
        return last if last <= until else before, reason

    def pool_seen(self, namespace: str) -> None:
        """The watch delivers a pool."""
        self._updates.pool_seen(self._around.api.pools[namespace])

    def pods_changed(self, namespace: str) -> None:
        """The watch delivers a change of pods."""
        self._readings.pods_changed(namespace, self._around.pods.pods(namespace))

    def kill(self) -> None:
        """SIGKILL."""
        for task in (*self._parts, *(task for tasks in self._polls.values() for task in tasks)):
            task.cancel()

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Read exactly these for a pool."""
        self.forget(pool)
        self._polls[pool] = [asyncio.create_task(self._poll(pool, source)) for source in sources]

    def forget(self, pool: PoolKey) -> None:
        """Read nothing for a pool any more."""
        for task in self._polls.pop(pool, ()):
            task.cancel()

    async def _poll(self, pool: PoolKey, source: DemandSource) -> None:
        """As the hub's links do, at a phase of its own."""
        time, queue = self._around.time, queue_of(source)
        poll_seconds = source.poll_milliseconds / 1000
        watch = Watch(pool, source.name, poll_seconds, queue, self._readings.published)
        session = RedisSession(cast(Any, MemoryWire(self._around.servers[pool.namespace])), READ_SECONDS)
        await asyncio.sleep(time.chance.uniform(0, poll_seconds))
        while True:
            asked_at = time()
            (outcome,) = await session.read([cast(Any, queue)])
            if isinstance(outcome, SourceFailure):
                raise outcome
            self._read_at[pool.namespace] = self._read_at.get(pool.namespace, (0.0, 0.0))[1], asked_at
            watch.report(outcome, asked_at, session.server_id, session.quiet_seconds)
            await asyncio.sleep(poll_seconds)

    def _reconciler(self, client: KubeClient, events: EventRecorder) -> Reconciler:
        around = self._around
        discovery = Discovery(client, around.time.monotonic)
        return Reconciler(
            self._store,
            scales=ScaleClient(client, discovery),
            pods=cast(PodWatch, around.pods),
            surroundings=SurroundingsReader(
                partial(read_target, client, discovery),
                partial(scalers_in, client),
                ClaimReader(client, around.time).read,
                around.time,
            ),
            refusals=RefusalReader(partial(read_refusal, client, discovery), around.time),
            news=NewsReader(partial(read_pod_events, client), around.time),
            leadership=self.leadership,
            quotas=Quotas(self._store, self._readings.mark, around.time),
            reporter=Reporter(partial(write_status, client), events, self.leadership, around.time),
            timings=self._timings,
            clock=around.time,
            mark=self._readings.mark,
        )


class _Looks:
    """Passes looks on. Each takes a moment, as in real time: what was due is past then. A look at a pool that
    is due without end fails."""

    def __init__(self, reconciler: Reconciler, time: WorldTime) -> None:
        self._reconciler, self._time = reconciler, time
        self._second, self._looks = 0, Counter[PoolKey]()

    async def reconcile(self, key: PoolKey) -> float | None:
        """One look at one pool."""
        if int(self._time()) != self._second:
            self._second = int(self._time())
            self._looks.clear()
        self._looks[key] += 1
        if self._looks[key] > MOST_LOOKS_PER_SECOND:
            raise RuntimeError(f"{key} is due again and again")
        await asyncio.sleep(LOOK_SECONDS)
        return await self._reconciler.reconcile(key)

    async def explain_failure(self, key: PoolKey, error: Exception) -> None:
        """Say on the pool what went wrong."""
        await self._reconciler.explain_failure(key, error)


class _NoServices:
    """No pool has an http source."""

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Nothing to read."""

    def forget(self, pool: PoolKey) -> None:
        """Nothing was read."""
