"""Builds the parts of the controller, connects them and runs them; read this first."""

import asyncio
import logging
import signal
import socket
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import kopf
from prometheus_client import CollectorRegistry

from poolkeeper.controller.billing.keeper import LABEL, BillKeeper
from poolkeeper.controller.front.activators import Activators, ActivatorSettings
from poolkeeper.controller.front.http_front import HttpFront, News
from poolkeeper.controller.front.network_reach import NetworkReach
from poolkeeper.controller.front.services import Services
from poolkeeper.controller.intake.deletion_sweep import DeletionSweep
from poolkeeper.controller.intake.install_classes import install_classes
from poolkeeper.controller.intake.readings import Readings
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.controller.intake.watching import watch_kinds
from poolkeeper.controller.loop import health
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.loop.clock import AnchoredClock, monotonic_seconds
from poolkeeper.controller.loop.leadership import AlwaysLeading, Leadership, Leads
from poolkeeper.controller.loop.loop import Loop
from poolkeeper.controller.loop.restarting import keep_running
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.controller.pool.held.news import NewsReader
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.refusals import RefusalReader
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.quota.following import QuotaFollower
from poolkeeper.controller.quota.metrics import QuotaCollector
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.quota.report import QuotaReporter
from poolkeeper.controller.reconcile.reconciler import Reconciler
from poolkeeper.controller.reporting.pool_metrics import PoolCollector
from poolkeeper.controller.reporting.report import Reporter
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.config_maps import OwnConfigMaps
from poolkeeper.kube.objects.conflicts import scalers_in
from poolkeeper.kube.objects.devices.reader import ClaimReader
from poolkeeper.kube.objects.events import EventRecorder, EventType
from poolkeeper.kube.objects.leases import LeaseClient
from poolkeeper.kube.objects.pod_events import read_pod_events
from poolkeeper.kube.objects.refused_pods import read_refusal
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.objects.secrets import read_secret
from poolkeeper.kube.objects.status import write_status
from poolkeeper.kube.objects.targets import read_target
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.connection import log_in
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.watch.pods import CLUSTER_WIDE_ABOVE, PodWatch
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.hub import DemandHub

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of `poolkeeper controller`."""

    namespace: str
    watch_namespaces: tuple[str, ...] = ()
    lease_name: str = "poolkeeper"
    identity: str = ""
    listen: str = "0.0.0.0:8080"
    allowed_cidrs: tuple[str, ...] = ()
    denied_cidrs: tuple[str, ...] = ()
    kubeconfig: str | None = None
    context: str | None = None
    elects_leader: bool = True
    installs_classes: bool = False
    activators: ActivatorSettings | None = None


async def run_controller(options: Options, registry: kopf.OperatorRegistry) -> None:
    """Run one replica until SIGTERM or SIGINT; `registry` holds the handlers. Raises what ended it."""
    async with await KubeClient.from_environment(options.kubeconfig, options.context) as client:
        addresses = AddressPolicy.from_cidrs(
            allowed=options.allowed_cidrs,
            denied=options.denied_cidrs,
            api_server=await _addresses_of(client.host),
        )
        await Controller(options, registry, client, addresses).run()


class Controller:
    """One replica of the operator."""

    def __init__(
        self,
        options: Options,
        handlers: kopf.OperatorRegistry,
        client: KubeClient,
        addresses: AddressPolicy,
    ) -> None:
        self._options = options
        self._handlers = handlers
        self._client = client
        self._discovery = Discovery(client)
        self._clock = AnchoredClock()
        self._identity = options.identity or socket.gethostname()
        self._stopping = asyncio.Event()
        self._store = Store()
        self._agenda: Agenda[PoolKey] = Agenda(self._clock)
        self._readings = Readings(self._store, self._agenda)
        self._quotas = Quotas(self._store, self._readings.mark, self._clock)
        self._leadership = self._make_leadership()
        self._registry = CollectorRegistry()
        self._timings = Timings(self._registry)
        self._events = EventRecorder(
            client, self._clock, on_drop=self._timings.dropped_events.inc, host=self._identity
        )
        self._queues = DemandHub(
            self._readings.published, partial(read_secret, client), addresses, self._clock
        )
        self._registry.register(QuotaCollector(self._quotas, self._leadership.may_write))
        self._quota_follower = QuotaFollower(
            client, self._quotas, QuotaReporter(self._quotas, self._store, self._leadership, self._clock)
        )
        self._read_target = partial(read_target, client, self._discovery)
        self._activators = Activators(client, options.activators)
        self._http = self._make_http_front()
        self._pods = self._make_pod_watch()
        self._bills = BillKeeper(
            OwnConfigMaps(client, options.namespace, {LABEL: options.lease_name}),
            self._store,
            self._leadership,
            self._clock,
            name=f"{options.lease_name}-bill",
        )
        self._updates = Updates(
            self._store,
            self._agenda,
            self._readings.mark,
            queues=self._queues,
            services=self._http,
            pods=self._pods,
            is_leading=self._leadership.may_write,
            gone=self._pool_gone,
            left=self._target_left,
        )
        self._sweep = DeletionSweep(client, self._store, self._updates, namespaces=options.watch_namespaces)
        self._reporter = Reporter(partial(write_status, client), self._events, self._leadership, self._clock)
        self._loop = self._make_loop()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises what ended one of the parts; the others end with the
        process."""
        live = {"loop": self._loop_problem}
        ready = {"pools": self._pools_problem, "pods": self._pods_problem}
        async with health.serving(self._options.listen, self._registry, live=live, ready=ready):
            self._install_signal_handlers()
            parts = {name: asyncio.create_task(part, name=name) for name, part in self._parts().items()}
            try:
                ended, _ = await asyncio.wait(parts.values(), return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            finally:
                # A look that continued would fail on the closed client, and log that as a bug.
                parts["loop"].cancel()
                await self._reporter.flush(self._store.all())
                await self._leadership.resign()

    def _parts(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs side by side. A part with a fault runs again after a pause; only the end of the watch of
        pools and of the leadership, which is resigned then, ends the process."""
        return {
            "leadership": self._lead(),
            "loop": keep_running("loop", self._decide),
            "queues": self._queues.run(),
            "activators": self._activators.run(self._http.heard),
            "http": self._http.run(),
            "events": keep_running("events", self._events.run),
            "bills": keep_running("bills", self._bills.run),
            "quotas": keep_running("quotas", self._quota_follower.run),
            "watch": self._watch(),
            "stop": self._wait_for_signal(),
        }

    async def _decide(self) -> None:
        # Wait for all classes, since without its class each pool would report a missing one at each start.
        await self._sweep.synced.wait()
        await self._quota_follower.wait()
        self._quotas.begin()
        await self._loop.run()

    async def _wait_for_signal(self) -> None:
        await self._stopping.wait()

    async def _lead(self) -> None:
        await self._leadership.run()
        await self._stopping.wait()

    async def _watch(self) -> None:
        await self._sweep.wait_for_kinds()
        async with asyncio.TaskGroup() as beside:
            beside.create_task(keep_running("sweep", self._sweep.run))
            if self._options.installs_classes:
                install = partial(install_classes, self._client, self._leadership)
                beside.create_task(keep_running("classes", install))
            await watch_kinds(
                self._handlers,
                self._updates,
                partial(log_in, self._options.kubeconfig, self._options.context),
                self._install_signal_handlers,
                namespaces=self._options.watch_namespaces,
            )
            if not self._stopping.is_set():
                raise RuntimeError("the watch of pools has ended")

    def _install_signal_handlers(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)

    def _make_leadership(self) -> Leads:
        if not self._options.elects_leader:
            return AlwaysLeading()
        # Unique for each process: two processes with the same pod name must not share the lease.
        identity = f"{self._identity}_{uuid.uuid4().hex[:12]}"
        leases = LeaseClient(self._client, self._options.namespace, self._options.lease_name, self._clock)
        return Leadership(
            leases,
            identity,
            monotonic_seconds,
            on_change=self._leadership_changed,
            on_resume=self._readings.writes_resumed,
        )

    def _leadership_changed(self, is_leading: bool) -> None:
        self._readings.leadership_changed(is_leading)
        self._quotas.begin()

    def _pool_gone(self, pool: Pool) -> None:
        self._bills.gone(pool)
        self._quotas.forget(pool)

    def _target_left(self, pool: Pool, message: str) -> None:
        self._reporter.happened(pool, "TargetLeft", message, EventType.WARNING)

    def _make_pod_watch(self) -> PodWatch:
        return PodWatch(
            self._client,
            self._pods_changed,
            cluster_wide_above=None if self._options.watch_namespaces else CLUSTER_WIDE_ABOVE,
        )

    def _pods_changed(self, namespace: str) -> None:
        self._readings.pods_changed(namespace, self._pods.pods(namespace))
        self._http.pods_changed(namespace)

    def _make_http_front(self) -> HttpFront:
        reach = NetworkReach(self._client, self._activators.place, self._clock)
        return HttpFront(
            self._store,
            self._client,
            activators=self._activators,
            services=Services(self._client, self._read_target, reach, self._clock),
            leadership=self._leadership,
            news=News(
                published=self._readings.published,
                front_turned=self._readings.front_turned,
                accepted=self._readings.accepted,
            ),
            clock=self._clock,
            namespaces=self._options.watch_namespaces,
        )

    def _make_loop(self) -> Loop:
        may_write = self._leadership.may_write
        self._registry.register(
            PoolCollector(self._store.all, may_write, lambda: len(self._agenda), self._clock)
        )
        reconciler = Reconciler(
            self._store,
            scales=ScaleClient(self._client, self._discovery),
            pods=self._pods,
            surroundings=SurroundingsReader(
                self._read_target,
                partial(scalers_in, self._client),
                ClaimReader(self._client, self._clock).read,
                self._clock,
                self._store.classes,
            ),
            refusals=RefusalReader(partial(read_refusal, self._client, self._discovery), self._clock),
            news=NewsReader(partial(read_pod_events, self._client), self._clock),
            leadership=self._leadership,
            quotas=self._quotas,
            reporter=self._reporter,
            timings=self._timings,
            clock=self._clock,
            mark=self._readings.mark,
        )
        return Loop(self._agenda, reconciler, self._timings, self._clock)

    def _loop_problem(self) -> str | None:
        stuck_seconds = self._loop.stuck_seconds()
        if stuck_seconds < health.LONGEST_WAITING_SECONDS:
            return None
        return f"a pool has waited for {stuck_seconds:.0f} s, and no look at another pool has ended meanwhile"

    def _pools_problem(self) -> str | None:
        return None if self._sweep.synced.is_set() else "not all pools and classes have been seen yet"

    def _pods_problem(self) -> str | None:
        unknown = sorted(each for each in self._store.namespaces if self._pods.failure(each))
        return f"the pods of {', '.join(unknown[:5])} are not known" if unknown else None


async def _addresses_of(url: str) -> list[str]:
    """The IPs of the API server; empty where its name can't be resolved."""
    host = urlsplit(url).hostname
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(address[0]) for *_, address in found})
