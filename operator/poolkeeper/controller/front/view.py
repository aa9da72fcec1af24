"""What the next turn of the front sees, gathered from all who watch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from poolkeeper.api.demand import DemandSource, Http
from poolkeeper.api.pool import AcceleratorPoolSpec, PoolMode
from poolkeeper.controller.front.activators import Activator
from poolkeeper.controller.front.coming import ready_in_seconds, start_trouble
from poolkeeper.controller.front.endpoints import EndpointsLane
from poolkeeper.controller.front.services import Services
from poolkeeper.controller.front.tables import Outbox
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.replicas.groups import PodGroup
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import UNREAD
from poolkeeper.controller.reporting.verdicts import rival
from poolkeeper.core.front.seen import Seen, SeenActivator, SeenPod, SeenPool, SeenService
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.sources.http.reading import HttpReading


@dataclass(frozen=True, slots=True)
class Declared:
    """The http source of a pool, by the last declaration that could be read."""

    source: DemandSource
    """The source."""
    http: Http
    """Its part that names the Service."""
    spec: AcceleratorPoolSpec
    """The declaration."""

    def names_the_service_of(self, other: "Declared") -> bool:
        """Whether both name the same port of the same Service: then requests go on being held."""
        return (self.http.service, self.http.port) == (other.http.service, other.http.port)


class View:
    """Builds what a turn sees; reads only."""

    def __init__(
        self,
        store: Store,
        declared: Mapping[PoolKey, Declared],
        readings: Mapping[PoolKey, HttpReading],
        services: Services,
        endpoints: EndpointsLane,
    ) -> None:
        self._store = store
        self._declared = declared
        self._readings = readings
        self._services = services
        self._endpoints = endpoints

    def seen(
        self, now: float, activators: list[Activator], outboxes: Mapping[str, Outbox], *, is_leading: bool
    ) -> Seen:
        """What is seen now."""
        slices = self._endpoints.known
        owners = {each.pool for each in (slices or {}).values()}
        without_source = [
            pool for key in owners - self._declared.keys() if (pool := self._store.get(key)) is not None
        ]
        return Seen(
            is_leading=is_leading,
            pools={
                key: self._pool(now, pool, declared)
                for key, declared in self._declared.items()
                if (pool := self._store.get(key)) is not None
            },
            activators=tuple(_activator(each, outboxes[each.pod.uid]) for each in activators),
            slices=None if slices is None else dict(slices),
            are_slices_recent=self._endpoints.is_recent,
            unread_pools=frozenset(each.key for each in without_source if each.declaration.spec is None),
            other_pools=frozenset(each.key for each in without_source if each.declaration.spec is not None),
        )

    def _pool(self, now: float, pool: Pool, declared: Declared) -> SeenPool:
        service, reading = self._services.state(pool.key), self._readings.get(pool.key)
        return SeenPool(
            uid=pool.declaration.uid,
            created_at=pool.declaration.created_at,
            http=declared.http,
            concurrency=declared.spec.concurrency,
            hold_seconds=declared.spec.cold_start.budget_seconds,
            is_readable=pool.declaration.spec is not None,
            service=service.service,
            was_service_asked=service.was_asked,
            takes_part=self._takes_part(pool),
            wants_zero=pool.decision is not None and pool.decision.aims_at_zero,
            ready=ready_pods(pool, service.service),
            idle_seen_at=reading.idle_seen_at if reading else None,
            elsewhere=reading.elsewhere if reading else {},
            ready_in_seconds=ready_in_seconds(pool, now),
            start_trouble=start_trouble(pool),
            slice_writes=self._endpoints.writes(pool.key),
        )

    def _takes_part(self, pool: Pool) -> bool | None:
        if pool.surroundings.placement == UNREAD:
            return None
        spec = pool.declaration.spec
        return spec is not None and spec.mode is PoolMode.ENFORCE and rival(self._store, pool) is None


def ready_pods(pool: Pool, service: SeenService | None) -> tuple[SeenPod, ...]:
    """Replicas of all arms that take requests, and go on doing so; by their main address. One of several pods
    has its requests sent to the first of them that the Service selects."""
    selector = service.selector if service else ()
    ready = [
        SeenPod(pod.uid, pod.addresses[0], is_probed=arm.starts.is_probed(pod))
        for arm in pool.arms
        for replica in arm.replicas
        if replica.takes_new and (pod := _taking(replica, selector)) and pod.addresses
    ]
    return tuple(sorted(ready, key=lambda pod: pod.address))


def _taking(replica: Pod, selector: Sequence[tuple[str, str]]) -> Pod | None:
    """The pod of a replica that takes its requests; None where the Service leads to none of them."""
    if not isinstance(replica, PodGroup):
        return replica
    fits = (pod for pod in replica.members if all(pod.labels.get(key) == value for key, value in selector))
    return next(fits, None)


def fallen_addresses(pool: Pool) -> tuple[str, ...]:
    """Main addresses of the replicas that are not ready any more and may still work on requests."""
    pods = (pod for arm in pool.arms for pod in arm.replicas)
    return tuple(sorted(pod.addresses[0] for pod in pods if pod.has_fallen and pod.addresses))


def _activator(activator: Activator, outbox: Outbox) -> SeenActivator:
    return SeenActivator(
        uid=activator.pod.uid,
        addresses=activator.pod.addresses,
        takes_new=activator.pod.takes_new,
        report=activator.report,
        pools=activator.pools,
        unsent_version=outbox.unsent_version,
        failed_version=outbox.failed_version,
    )
