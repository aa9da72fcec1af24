"""A reconciler with everything around it in the test's hands: clock, API server, pods and lease."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.controller.intake.readings import Readings
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.loop.leadership import AlwaysLeading, NotLeading
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.controller.pool.held.news import NewsReader
from poolkeeper.controller.pool.refusals import RefusalReader
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.reconcile.reconciler import Reconciler
from poolkeeper.controller.reporting.report import Reporter
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.kube.objects.conflicts import NamespaceScalers, Scaler
from poolkeeper.kube.objects.devices.claims import NO_CLAIMS, PodClaims
from poolkeeper.kube.objects.events import EventRecorder, EventType
from poolkeeper.kube.objects.managed_fields import ReplicaWriter
from poolkeeper.kube.objects.pod_events import PodEvent
from poolkeeper.kube.objects.refused_pods import Refusal
from poolkeeper.kube.objects.scale import Scale, ScaleClient
from poolkeeper.kube.objects.targets import Target, of_one_pod
from poolkeeper.kube.transport.errors import KubeFailure, TargetMissing
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.kube.watch.pods import PodWatch

HPA = Scaler(
    kind="HorizontalPodAutoscaler",
    name="rival",
    target_group="apps",
    target_kind="Deployment",
    target_name="worker",
)
"""An autoscaler of the target of every pool here."""


class Lease(AlwaysLeading):
    """Held or not, as the test says."""

    def __init__(self) -> None:
        self.is_held = True

    def may_write(self) -> bool:
        return self.is_held

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        if not self.is_held:
            raise NotLeading
        yield

    async def run(self) -> None:
        raise NotImplementedError

    async def resign(self) -> None:
        self.is_held = False


class Scales:
    """/scale of every target; the next calls fail as `failures` says."""

    def __init__(self) -> None:
        self.replicas: dict[str, int] = {}
        self.selector = "app={name}"
        self.reads = 0
        self.while_reading: Callable[[], object] = lambda: None
        self.writes: list[tuple[str, int]] = []
        self.read_failures: deque[KubeFailure] = deque()
        self.write_failures: deque[Exception] = deque()

    async def read(self, target: TargetKey) -> Scale:
        self.reads += 1
        self.while_reading()
        if self.read_failures:
            raise self.read_failures.popleft()
        if target.name not in self.replicas:
            raise TargetMissing(f"{target} does not exist")
        return Scale(
            replicas=self.replicas[target.name],
            current_replicas=0,
            selector=self.selector.format(name=target.name),
            resource_version="1",
            uid="uid",
        )

    async def write(self, target: TargetKey, scale: Scale, replicas: int) -> Scale:
        if self.write_failures:
            raise self.write_failures.popleft()
        self.writes.append((target.name, replicas * scale.step))
        self.replicas[target.name] = replicas * scale.step
        return replace(scale, replicas=replicas, lacking=0)


class Statuses:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    async def write(self, pool: PoolKey, uid: str, status: Mapping[str, Any]) -> None:
        self.written.append(dict(status))


class Pods:
    """The pods of every namespace."""

    def __init__(self) -> None:
        self.present: dict[str, Pod] = {}
        self.problem: KubeFailure | None = None

    def pods(self, namespace: str) -> Mapping[str, Pod]:
        return self.present

    def failure(self, namespace: str) -> KubeFailure | None:
        return self.problem

    def follow(self, namespaces: set[str]) -> None:
        """Every namespace is followed."""


class FakeCluster:
    """One test's world; `now` moves only when the test moves it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.lease, self.scales, self.statuses, self.pods = Lease(), Scales(), Statuses(), Pods()
        self.events: list[tuple[str, str]] = []
        self.scalers: NamespaceScalers | KubeFailure = NamespaceScalers()
        self.looked_around: list[str] = []
        self.revision = "1"
        self.containers: list[dict[str, Any]] = []
        self.claims = NO_CLAIMS
        self.refusal: Refusal | KubeFailure | None = None
        self.asked_for_refusals: list[float] = []
        self.pod_events: list[PodEvent] | KubeFailure = []
        self.asked_for_events: list[str] = []
        self.writers: tuple[ReplicaWriter, ...] = ()
        self.while_looking_around: Callable[[], object] = lambda: None
        self.registry = CollectorRegistry()
        self.store = Store()
        self.agenda: Agenda[PoolKey] = Agenda(self.clock)
        self.readings = Readings(self.store, self.agenda)
        self.quotas = Quotas(self.store, self.readings.mark, self.clock)
        self.updates = Updates(
            self.store,
            self.agenda,
            self.readings.mark,
            queues=self,
            services=self,
            pods=cast(PodWatch, self.pods),
            is_leading=self.lease.may_write,
            gone=self.quotas.forget,
            left=lambda pool, said: self.reconciler._reporter.happened(pool, "TargetLeft", said),
        )
        self.reconciler = Reconciler(
            self.store,
            scales=cast(ScaleClient, self.scales),
            pods=cast(PodWatch, self.pods),
            surroundings=SurroundingsReader(
                self.read_target, self.list_scalers, self.read_claims, self.clock, self.store.classes
            ),
            refusals=RefusalReader(self.read_refusal, self.clock),
            news=NewsReader(self.read_pod_events, self.clock),
            leadership=self.lease,
            quotas=self.quotas,
            reporter=Reporter(self.statuses.write, cast(EventRecorder, self), self.lease, self.clock),
            timings=Timings(self.registry),
            clock=self.clock,
            mark=self.readings.mark,
        )
        self.store.classes["cpu"] = AcceleratorClassSpec(
            vendor="None", display_name="CPU", node_tail_seconds=0
        )

    async def read_claims(self, *_: object) -> PodClaims:
        return self.claims

    def clock(self) -> float:
        return self.now

    def assign(self, pool: PoolKey, sources: object) -> None:
        """Nothing is polled: tests publish."""

    def forget(self, pool: PoolKey) -> None:
        """Nothing was polled."""

    def record(self, pool: PoolKey, uid: str, event_type: EventType, reason: str, message: str) -> None:
        self.events.append((str(event_type), reason))

    async def read_target(self, target: TargetKey) -> Target:
        self.looked_around.append(target.name)
        self.while_looking_around()
        template = {
            "metadata": {"annotations": {"revision": self.revision}},
            "spec": {"containers": self.containers},
        }
        return Target("uid", 1, of_one_pod(template), self.writers)

    async def read_pod_events(self, pod: Pod) -> list[PodEvent]:
        self.asked_for_events.append(pod.name)
        if isinstance(self.pod_events, KubeFailure):
            raise self.pod_events
        return self.pod_events

    async def read_refusal(self, target: TargetKey, now: float) -> Refusal | None:
        self.asked_for_refusals.append(now)
        if isinstance(self.refusal, KubeFailure):
            raise self.refusal
        return self.refusal

    async def list_scalers(self, namespace: str) -> NamespaceScalers:
        if isinstance(self.scalers, KubeFailure):
            raise self.scalers
        return self.scalers

    def declare(
        self, name: str = "pool", *, generation: int = 1, status: object = None, **changes: Any
    ) -> PoolKey:
        """A pool as the watch delivers it."""
        redis_list = {"address": "redis:6379", "list": "jobs", "processingList": "busy"}
        spec = {
            "targetRef": {"name": "worker"},
            "accelerator": {"class": "cpu"},
            "replicas": {"min": 0, "max": 2},
            "coldStart": {"budgetSeconds": 1, "start": "Immediately"},
            "scaleToZero": {"mode": "Fixed", "idleSeconds": 5},
            "demand": [{"name": "jobs", "redisList": redis_list}],
            **changes,
        }
        metadata = {
            "namespace": "ns",
            "name": name,
            "uid": f"uid-{name}",
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        self.updates.pool_seen({"metadata": metadata, "spec": spec, "status": status})
        return PoolKey("ns", name)

    def publish(self, queued: int, in_flight: int = 0, name: str = "pool") -> None:
        """The queue was read just now."""
        self.readings.published(PoolKey("ns", name), Sample("jobs", self.now, queued, in_flight))

    async def look(self, name: str = "pool") -> float | None:
        """One look at a pool."""
        return await self.reconciler.reconcile(PoolKey("ns", name))

    def condition(self, kind: str, name: str = "pool") -> tuple[str, str]:
        """Status and reason of a condition."""
        pool = self.store.get(PoolKey("ns", name))
        assert pool is not None
        condition = pool.history.conditions[kind]
        return condition.status.value, condition.reason

    def decisions(self) -> int:
        """How often anything was decided."""
        return int(self.registry.get_sample_value("poolkeeper_decide_seconds_count") or 0)
