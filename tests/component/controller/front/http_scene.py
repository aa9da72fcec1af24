"""Pools behind Services, the rest in the test's hands: clock, API server, activators, servers."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.controller.front.activators import Activators, ActivatorSettings
from poolkeeper.controller.front.http_front import HttpFront, News
from poolkeeper.controller.front.network_reach import NetworkReach
from poolkeeper.controller.front.services import Services
from poolkeeper.controller.front.timing import FrontTiming
from poolkeeper.controller.intake.readings import Readings
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import Surroundings
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.front.switching import SETTLE_SECONDS
from poolkeeper.core.values.decision import Decision, Reason, Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import CLEAR, Unavailable, Waiting
from poolkeeper.kube.objects.endpoint_slices import project_slice
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.objects.targets import Target, of_one_pod
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.watch.pods import PodWatch
from poolkeeper.sources.http.activator_link import ActivatorLink
from tests.component.controller.fake_cluster import Lease, Pods
from tests.component.controller.front.http_fakes import Api, Link, NoQueues, Servers, ready_pod

KNOWN = Verdict(True, "Fresh", "")
PLACED = Verdict(True, "TemplateFitsClass", "")
CHAT = PoolKey("ns", "chat")
ONE, OTHER = "10.9.0.1", "10.9.0.2"
"""Activators."""
POD = "10.1.0.1"
QUICK = FrontTiming(
    activators_listed_every=0.02,
    activators_awaited=0.01,
    turn_at_most_every=0.002,
    turn_at_least_every=0.02,
    read_at_most_every=0.002,
)
SETTINGS = ActivatorSettings(
    namespace="ns", selector="app=activator", control_port=8082, token_file=Path("token")
)


@dataclass
class HttpScene:
    """One replica of the operator; its activators are found by `links`, by their address."""

    now: float = 1_000_000.0
    api: Api = field(default_factory=Api)
    lease: Lease = field(default_factory=Lease)
    store: Store = field(default_factory=Store)
    links: dict[str, Link] = field(default_factory=dict)
    published: list[Sample | Unavailable] = field(default_factory=list)
    running: list["asyncio.Task[None]"] = field(default_factory=list)
    servers: Servers = field(default_factory=Servers)
    settings: ActivatorSettings | None = SETTINGS
    timing: FrontTiming = QUICK
    has_real_links: bool = False
    readings: Counter[PoolKey] = field(default_factory=Counter)
    successor: "HttpScene | None" = None

    def __post_init__(self) -> None:
        self.store.classes["cpu"] = AcceleratorClassSpec(
            vendor="None", display_name="CPU", node_tail_seconds=0
        )
        self.api.ready_uids = lambda: [pod.uid for pool in self.store.all() for pod in pool.pods]
        client = cast(KubeClient, self.api)
        self.agenda: Agenda[PoolKey] = Agenda(self.clock)
        self.intake = Readings(self.store, self.agenda)
        self.pods = Pods()
        self.activators = Activators(
            client,
            self.settings,
            timing=self.timing,
            make_link=ActivatorLink if self.has_real_links else self.link,
        )
        reach = NetworkReach(client, self.activators.place, self.clock)
        self.http = HttpFront(
            self.store,
            client,
            activators=self.activators,
            services=Services(client, self.read_target, reach, self.clock),
            leadership=self.lease,
            news=News(
                published=self.publish,
                front_turned=self.intake.front_turned,
                accepted=self.intake.accepted,
            ),
            clock=self.clock,
            timing=self.timing,
            make_servers=lambda **_: self.servers,
        )
        self.updates = Updates(
            self.store,
            self.agenda,
            self.intake.mark,
            queues=NoQueues(),
            services=self.http,
            pods=cast(PodWatch, Pods()),
            is_leading=self.lease.may_write,
        )

    def clock(self) -> float:
        return self.now

    def publish(self, pool: PoolKey, news: Sample | Unavailable) -> None:
        """A reading of a pool has ended."""
        self.readings[pool] += 1
        self.published.append(news)

    async def read_target(self, _: TargetKey) -> Target:
        return Target("uid", 1, of_one_pod({"spec": {"containers": []}}))

    def start(self) -> None:
        """Run until the test ends."""
        for part in (self.activators.run(self.http.heard), self.http.run()):
            self.running.append(asyncio.create_task(part))

    async def settle(self, seconds: float = 0.25) -> None:
        """Let the operator do all that it has to do at this instant of its clock.

        On a busy machine the time alone may be too short for a reading of each pool.
        """
        readings, busy = dict(self.readings), self.running and self.api.answers_for_services.is_set()
        await asyncio.sleep(seconds)
        if not busy:
            return
        async with asyncio.timeout(20):
            while any(self.readings[key] <= readings.get(key, 0) for key in self.http._declared):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def pass_by(self, seconds: float) -> None:
        """Let the clock go on, a second at a time."""
        for _ in range(round(seconds)):
            self.now += 1.0
            await self.settle(0.12)

    def add_activator(self, address: str) -> None:
        """A ready pod."""
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        self.api.activators.append(
            {
                "metadata": {"name": address, "namespace": "ns", "uid": address, "resourceVersion": "1"},
                "status": {
                    "phase": "Running",
                    "podIPs": [{"ip": address}],
                    "podIP": address,
                    "conditions": [ready],
                },
            }
        )

    def add_service(self, name: str = "chat") -> None:
        """A Service with port 80."""
        spec = {"clusterIP": "10.0.0.1", "selector": {"app": name}, "ports": [{"port": 80, "name": "web"}]}
        self.api.services[name] = {"metadata": {"name": name}, "spec": spec}

    def body(self, name: str = "chat", *, created: int = 1, generation: int = 1, **changes: Any) -> Any:
        """A pool as the API server has it."""
        http = {"service": "chat", "port": 80, **changes.pop("http", {})}
        spec = {
            "targetRef": {"name": name},
            "accelerator": {"class": "cpu"},
            "replicas": {"max": 2},
            "concurrency": 8,
            "coldStart": {"budgetSeconds": 60},
            "demand": [{"name": "web", "http": http, "pollMilliseconds": 100}],
            **changes,
        }
        metadata = {
            "namespace": "ns",
            "name": name,
            "uid": f"uid-{name}",
            "generation": generation,
            "creationTimestamp": f"2026-01-0{created}T00:00:00Z",
        }
        return {"metadata": metadata, "spec": spec}

    def exists(self, body: Any) -> None:
        """It is in the API server, whether or not the watch has delivered it."""
        self.api.pools[body["metadata"]["name"]] = body

    def declare(self, name: str = "chat", *, ready: Iterable[str] = (), **changes: Any) -> Pool:
        """A pool that exists, was delivered and looked at; its decision is to be at zero."""
        body = self.body(name, **changes)
        self.exists(body)
        self.updates.pool_seen(body)
        pool = self.store.get(PoolKey("ns", name))
        assert pool is not None
        pool.surroundings = Surroundings(placement=PLACED)
        pool.target.scale = Scale(
            replicas=1, current_replicas=1, selector="app=x", resource_version="1", uid="uid"
        )
        self.decides(pool, 0)
        pool.pods = tuple(ready_pod(address) for address in ready)
        return pool

    @staticmethod
    def decides(pool: Pool, replicas: int) -> None:
        """The decision about a pool from now on."""
        pool.decision = Decision(
            replicas=replicas,
            reason=Reason.IDLE,
            message="",
            review_at=None,
            demand_known=KNOWN,
            budget_attainable=KNOWN,
            within_limits=KNOWN,
        )

    def slice(self, service: str = "chat") -> ActivatorSlice | None:
        """The Service's slice of ours, of IPv4."""
        raw = self.api.slices.get(f"{service}-poolkeeper-ipv4")
        return project_slice(raw) if raw else None

    def demand(self) -> tuple[int, int | None] | None:
        """What was published last: requests that wait, and those in flight; None where demand is unknown."""
        news = self.published[-1]
        return (news.queued, news.in_flight) if isinstance(news, Sample) else None

    def may_stop(self, key: PoolKey = CHAT) -> bool:
        """Whether the last replicas of a pool may stop."""
        pool = self.store.get(key)
        return pool is not None and pool.stop == CLEAR

    def waits_for(self, key: PoolKey = CHAT) -> str:
        """What a stop of the pool waits for; empty where it may stop."""
        pool = self.store.get(key)
        return pool.stop.reason if pool and isinstance(pool.stop, Waiting) else ""

    def tables_kept(self, address: str) -> int:
        """How many tables of an activator may still be in use, as far as the leader knows."""
        return len(self.http._front.sent[address].grants.tables)

    def link(self, address: str, port: int, token_file: Path, heard: Callable[[], None]) -> Link:
        """The channel to an activator; it is the same for every leader."""
        return self.links.setdefault(address, Link(address, port, token_file, heard))

    async def guarded(self) -> None:
        """The pool `chat` idles with one replica, and may be stopped."""
        self.declare(ready=[POD])
        self.start()
        await self.settle()
        await self.pass_by(SETTLE_SECONDS + 2)
        assert self.may_stop()

    def succeed(self) -> "HttpScene":
        """Another leader of the same cluster instead of this one: same activators, and no pool seen yet."""
        self.close()
        other = self.successor = HttpScene(now=self.now, api=self.api, links=self.links, servers=self.servers)
        for link in self.links.values():
            link.heard = other.http.heard
        return other

    def close(self) -> None:
        """End all that runs, here and at those that came after."""
        if self.successor is not None:
            self.successor.close()
        for task in self.running:
            task.cancel()
        for pool in self.store.all():
            self.http.forget(pool.key)
