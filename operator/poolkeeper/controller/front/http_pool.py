"""One pool whose requests come over HTTP: what is known about it, and what its activators are told."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from poolkeeper.api.activation import PoolReport, PoolRoute, PortRoute, Replica
from poolkeeper.api.demand import DemandSource, Http
from poolkeeper.api.pool import AcceleratorPoolSpec
from poolkeeper.controller.front.activators import Activator
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.front.slot_grants import Holder, share
from poolkeeper.core.front.switching import Facts, Phase, Step, Switch, initial_switch, step
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.kube.objects.services import Service
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.sources.http.engines import ENGINES, Engine, Series
from poolkeeper.sources.http.scrape import ModelServers, PoolLoad

IDLE_LOAD = PoolLoad(0, {}, False)


@dataclass(slots=True)
class HttpPool:
    """State of one http source. `switch` is None until this replica leads and has seen the slices.

    `spec` is the last one that could be read. `was_service_asked` says that the Service was read, or could
    not be. `owner` is an older pool with the same Service, which alone has its requests held.
    `was_rejoined` says that slices were written which the switch has not seen to be missing or different.
    `active_readings` counts readings in which the servers' counters had moved. `told_ready` are the replicas
    that were ready when the activators were last told something.
    """

    source: DemandSource
    http: Http
    spec: AcceleratorPoolSpec | None = None
    service: Service | None = None
    backend_port: int = 0
    listen_port: int = 0
    servers: ModelServers | None = None
    load: PoolLoad = IDLE_LOAD
    loaded_at: float = float("-inf")
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    idle_seen_at: float | None = None
    switch: Switch | None = None
    step: Step | None = None
    read_again_at: float = 0.0
    was_service_asked: bool = False
    owner: PoolKey | None = None
    was_rejoined: bool = False
    active_readings: int = 0
    told_ready: tuple[str, ...] = ()
    counts: tuple[tuple[int, int, int], ...] = ()
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    def is_edited_to(self, http: Http) -> bool:
        """Whether these are other words for the same port of the same Service: requests go on being held."""
        return (self.http.service, self.http.port) == (http.service, http.port)

    def declared(self, source: DemandSource, http: Http, spec: AcceleratorPoolSpec | None) -> None:
        """Go by this declaration; a zero that was seen by the one before it proves nothing any more."""
        if source != self.source:
            self.servers = None
        self.read_again_at = 0.0
        self.source, self.http, self.spec = source, http, spec
        self.holds()

    def serves_by(self, service: Service, backend_port: int) -> None:
        """Take in what the Service says; counters of the servers are kept unless their port has changed."""
        port = self.http.metrics.port or backend_port
        if self.servers is None or backend_port != self.backend_port:
            self.servers = ModelServers(port=port, path=self.http.metrics.path, engines=engines_of(self.http))
        self.service, self.backend_port = service, backend_port

    def was_loaded(self, load: PoolLoad, taken: Mapping[str, int], now: float) -> None:
        """Take in what the servers say; `taken` are the requests that activators have at each of them."""
        self.load, self.loaded_at = load, now
        self.active_readings += load.was_active
        self.elsewhere = {
            address: max(0, running - taken.get(address, 0)) for address, running in load.running.items()
        }

    def sample(self, reports: Sequence[PoolReport], now: float) -> Sample:
        """Demand now: what activators hold, who will come back, and what the servers are busy with.

        While the pool is warm requests pass the activators by: only the servers' own counters then show that
        those in flight are not always the same ones.
        """
        sample = Sample(
            source=self.source.name,
            observed_at=now,
            queued=_queued(reports) + self.load.waiting,
            in_flight=max(_passing(reports), self.load.in_flight),
            in_flight_marker=self._marker(reports),
            oldest_arrived_at=_oldest_arrived_at(reports, now),
        )
        self.idle_seen_at = None if sample.queued or sample.in_flight else now
        return sample

    def held_sample(self, reports: Sequence[PoolReport], now: float) -> Sample | None:
        """What waits at the activators, where the rest can't be read: a lower bound, by which replicas may be
        added; while anything waits none is taken away. None where nothing waits: then nothing is known."""
        queued = _queued(reports)
        if not queued:
            return None
        is_believed = now - self.loaded_at <= self.source.stale_after_seconds
        return Sample(
            source=self.source.name,
            observed_at=now,
            queued=queued,
            in_flight=max(_passing(reports), self.load.in_flight if is_believed else 0),
            in_flight_marker=self._marker(reports),
            oldest_arrived_at=_oldest_arrived_at(reports, now),
        )

    def _marker(self, reports: Sequence[PoolReport]) -> str:
        return f"{sum(report.completed for report in reports)}/{self.active_readings}"

    def advance(
        self,
        now: float,
        pool: Pool,
        reports: Sequence[PoolReport],
        *,
        has_slices: bool,
        is_in_place: bool,
        table_version: int,
        confirmed: int | None,
    ) -> Step:
        """The switch's next step; `is_in_place`, `table_version` and `confirmed` are as in Facts."""
        facts = Facts(
            wants_zero=pool.decision is not None and pool.decision.replicas == 0,
            ready=len(ready_addresses(pool)),
            is_in_place=is_in_place,
            idle_seen_at=self.idle_seen_at,
            held=sum(entry.requests for report in reports for entry in report.waiting),
            table_version=table_version,
            confirmed=confirmed,
        )
        self.switch, self.step = step(now, self.switch or initial_switch(now, has_slices=has_slices), facts)
        return self.step

    def holds(self) -> None:
        """Stay as it is, and stop nothing: what is known of the pool can't be trusted now."""
        self.idle_seen_at = None
        if self.step is not None:
            self.step = replace(self.step, may_stop=False)

    def has_other_replicas(self, pool: Pool) -> bool:
        """Whether others are ready now than when the activators were last told something."""
        return self.told_ready != tuple(ready_addresses(pool))

    @property
    def may_stop(self) -> bool:
        """Whether the last replicas may be stopped."""
        return self.step is not None and self.step.may_stop

    def route(
        self, pool: Pool, activator: Activator, activators: Sequence[Activator], now: float
    ) -> PoolRoute:
        """What one activator is told about this pool."""
        spec = self.spec
        return PoolRoute(
            namespace=pool.key.namespace,
            name=pool.key.name,
            ports=(
                PortRoute(
                    service=self.http.service,
                    listen_port=self.listen_port,
                    # Until the pods' port is known no replica is named, and nothing is sent to it.
                    backend_port=self.backend_port or self.http.port,
                ),
            ),
            replicas=self._replicas(pool, activator, activators),
            redirects_to_pods=self.step is not None and self.step.redirects_to_pods,
            hold_seconds=spec.cold_start.budget_seconds if spec else 1,
            ready_in_seconds=_ready_in_seconds(pool, now),
            held_requests=self.http.held_requests,
            fair_by=self.http.fair_by,
            fair_header=self.http.fair_header,
            heartbeat_seconds=self.http.heartbeat_seconds,
        )

    def _replicas(
        self, pool: Pool, activator: Activator, activators: Sequence[Activator]
    ) -> tuple[Replica, ...]:
        """None once the pool may be stopped: what comes then is held, and is news before any replica goes."""
        if (self.switch is not None and self.switch.phase is Phase.GUARDED) or not self.backend_port:
            return ()
        concurrency = self.spec.concurrency if self.spec else 1
        replicas = []
        for address in ready_addresses(pool):
            holders = [_holder(pool, each, address) for each in activators]
            slots = share(concurrency, self.elsewhere.get(address, 0), holders)
            replicas.append(Replica(address=address, slots=slots[activator.pod.uid]))
        return tuple(replicas)


def ready_addresses(pool: Pool) -> list[str]:
    """Where the ready replicas are, by their main address."""
    return sorted(pod.addresses[0] for pod in ready_pods(pool))


def ready_pods(pool: Pool) -> list[Pod]:
    """Those that take requests, and go on doing so."""
    return [pod for pod in pool.pods if pod.is_ready and not pod.is_terminating and pod.addresses]


def engines_of(http: Http) -> tuple[Engine, ...]:
    """The engines whose series are looked for: a declared one of the user's own, or all that are known."""
    metrics = http.metrics
    if metrics.running_series is None:
        return ENGINES
    own = Engine(
        "own",
        waiting=(Series(metrics.waiting_series),) if metrics.waiting_series else (),
        running=(Series(metrics.running_series),),
        activity=(Series(metrics.activity_series),) if metrics.activity_series else (),
    )
    return (own,)


def _holder(pool: Pool, activator: Activator, address: str) -> Holder:
    report = activator.of_pool(pool.key)
    taken = report.at_replicas.get(address, 0) if report else 0
    waiting = sum(entry.requests for entry in report.waiting) if report else 0
    granted = activator.grants.at(f"{pool.key}/{address}")
    return Holder(activator.pod.uid, waiting, taken, max(granted, taken), activator.is_known)


def _queued(reports: Sequence[PoolReport]) -> int:
    waiting = sum(entry.requests for report in reports for entry in report.waiting)
    return waiting + sum(report.expected_back for report in reports)


def _passing(reports: Sequence[PoolReport]) -> int:
    return sum(report.in_flight for report in reports)


def _oldest_arrived_at(reports: Sequence[PoolReport], now: float) -> float | None:
    ages = [entry.age_seconds for report in reports for entry in report.waiting]
    return now - max(ages) if ages else None


def _ready_in_seconds(pool: Pool, now: float) -> float | None:
    """The median of the learned start times, less the time that the oldest start under way has taken."""
    if pool.state is None or not pool.state.starts.samples:
        return None
    starting = pool.observation.replicas.starting if pool.observation and pool.observation.replicas else ()
    begun = min((replica.asked_at for replica in starting), default=now)
    return max(0.0, round(pool.state.starts.p50_seconds - (now - begun)))
