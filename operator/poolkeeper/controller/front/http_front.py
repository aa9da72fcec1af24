"""Takes a turn of the front at every piece of news, and has it acted upon.

One lap: readings, Services, activators and slices → `View` → `turn` → tables to the activators (`tables.py`),
slices to the API server (`endpoints.py`), and to the pool whether it may stop.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from poolkeeper.api.activation import PoolReport
from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.front.activators import NOT_INSTALLED, Activators
from poolkeeper.controller.front.endpoints import EndpointsLane
from poolkeeper.controller.front.services import Services
from poolkeeper.controller.front.tables import Tables
from poolkeeper.controller.front.timing import FrontTiming
from poolkeeper.controller.front.view import Declared, View, fallen_addresses, ready_pods
from poolkeeper.controller.loop.leadership import Leads
from poolkeeper.controller.loop.restarting import keep_running
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.front.claims import shared_service
from poolkeeper.core.front.seen import Seen, SeenPod, accepting, unproven
from poolkeeper.core.front.turn import Front, Turn, turn
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import Stop, Waiting
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.sources.base import Publish, SourceFailure
from poolkeeper.sources.http.reader import Backends, HttpReader, MakeServers
from poolkeeper.sources.http.scrape import ModelServers

logger = logging.getLogger(__name__)

NO_TURN = Waiting(
    "FrontFailed", "a fault of the operator keeps it from looking at the Service and the activators"
)

FrontTurned = Callable[[PoolKey, Stop, Verdict | None, int | None], None]
"""Takes in whether a pool may stop, whether requests to its Service can be held, and the pods' port."""
Accepted = Callable[[PoolKey, Iterable[str], float], None]
"""Takes in the addresses of a pool's replicas that accept connections now, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class News:
    """Where what the front finds out goes to."""

    published: Publish
    """A source was read, or could not be."""
    front_turned: FrontTurned
    """A turn was taken."""
    accepted: Accepted
    """Replicas accept connections that no readiness probe calls ready."""


class HttpFront:
    """Reads demand for all http sources; the leading replica also moves the activators in and out."""

    def __init__(
        self,
        store: Store,
        client: KubeClient,
        *,
        activators: Activators,
        services: Services,
        leadership: Leads,
        news: News,
        clock: Callable[[], float],
        namespaces: Sequence[str] = (),
        timing: FrontTiming | None = None,
        make_servers: MakeServers = ModelServers,
    ) -> None:
        self._store = store
        self._activators = activators
        self._services = services
        self._leadership = leadership
        self._front_turned = news.front_turned
        self._accepted = news.accepted
        self._clock = clock
        self._timing = timing or FrontTiming()
        self._declared: dict[PoolKey, Declared] = {}
        self._news = asyncio.Event()
        self._replicas_news = asyncio.Event()
        self._reader = HttpReader(
            news.published,
            self,
            clock,
            has_read=self._news.set,
            make_servers=make_servers,
            pause_seconds=self._timing.read_at_most_every,
        )
        self._tables = Tables()
        self._endpoints = EndpointsLane(
            client, store, leadership, clock, self._news.set, namespaces=namespaces
        )
        self._view = View(store, self._declared, self._reader.readings, services, self._endpoints)
        self._seen = Seen(is_leading=False, pools={})
        self._front = Front()

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Follow the http source among these, if there is one."""
        stored = self._store.get(pool)
        spec = stored.declaration.spec if stored else None
        source = next((each for each in sources if each.http is not None), None)
        if source is None or source.http is None or spec is None:
            if stored is None or spec is not None:
                self.forget(pool)
            # Else the declaration can't be read, which does not mean that its http source is gone.
            return
        before, declared = self._declared.get(pool), Declared(source, source.http, spec)
        if before is not None and not declared.names_the_service_of(before):
            self.forget(pool)
        self._declared[pool] = declared
        self._services.expire(pool)
        self._reader.assign(pool, source)

    def forget(self, pool: PoolKey) -> None:
        """Follow a pool no longer; its slices go with the pool, or by the next turn."""
        self._declared.pop(pool, None)
        self._services.forget(pool)
        self._reader.forget(pool)

    def pods_changed(self, namespace: str) -> None:
        """Pods have changed: where other replicas are ready now, requests may be held for the new one."""
        self._news.set()
        for pool in self._store.in_namespace(namespace):
            seen = self._seen.pools.get(pool.key)
            if pool.key in self._declared and (seen is None or seen.ready != self._ready(pool)):
                self._replicas_news.set()
                return

    def heard(self) -> None:
        """Something has changed at the activators: take a turn, and read the pools that it concerns."""
        self._news.set()
        self._reader.heard()

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(keep_running("front", self._turn_on))
                both.create_task(keep_running("endpoints", self._endpoints.run))
        finally:
            self._reader.close()
            self._tables.close()

    async def backends(self, pool: PoolKey) -> Backends:
        """Where a pool's model servers are; raises SourceFailure where demand can't be known."""
        stored, declared, known = self._store.get(pool), self._declared.get(pool), self._front.pools.get(pool)
        if stored is None or declared is None:
            raise SourceFailure("PoolGone", "the pool is gone")
        if known is not None and known.owner is not None:
            verdict = shared_service(declared.http.service, known.owner)
            raise SourceFailure(verdict.reason, verdict.message)
        if not self._activators.are_configured:
            # The install may have no right to read the Service: that would be the wrong thing to grant.
            raise SourceFailure("NoActivators", NOT_INSTALLED)
        service = await self._services.look(stored, declared.http)
        if self._activators.failure:
            raise SourceFailure("ActivatorsUnknown", self._activators.failure)
        return Backends(
            port=service.backend_port,
            addresses=tuple(pod.address for pod in self._ready(stored)),
            unproven=self._unproven(pool),
            fallen=fallen_addresses(stored),
            are_known=stored.target.scale is not None,
        )

    def _ready(self, pool: Pool) -> tuple[SeenPod, ...]:
        return ready_pods(pool, self._services.state(pool.key).service)

    def _unproven(self, key: PoolKey) -> frozenset[str]:
        """Ready pods without a readiness probe that no activator could connect to yet, by address."""
        pool = self._seen.pools.get(key)
        pods = unproven(pool, self._activators.reports(key)) if pool else ()
        return frozenset(pod.address for pod in pods)

    def reports(self, pool: PoolKey) -> Sequence[PoolReport]:
        """What activators reported last about a pool."""
        return self._activators.reports(pool)

    def silent_activator(self) -> str | None:
        """Address of an activator that may hold requests and does not report; None if there is none."""
        return self._activators.silent()

    async def _turn_on(self) -> None:
        """Waits for nothing but news: a slow API server must not delay the table for a held request."""
        while True:
            self._news.clear()
            self._replicas_news.clear()
            try:
                made = self._turn()
            except Exception:
                self._keep_replicas()
                raise
            await _wait_for(self._replicas_news, self._timing.turn_at_most_every)
            await _wait_for(self._news, self._seconds_until(made.review_at))

    def _keep_replicas(self) -> None:
        """The last turn that succeeded says nothing about now: no pool may stop before the next one."""
        for key in self._declared:
            if (pool := self._store.get(key)) is not None:
                self._front_turned(key, NO_TURN, pool.service, None)

    def _seconds_until(self, review_at: float | None) -> float:
        longest = self._timing.turn_at_least_every
        return longest if review_at is None else min(longest, max(0.0, review_at - self._clock()))

    def _turn(self) -> Turn:
        """One turn, and everything that follows from it without waiting."""
        now, activators = self._clock(), self._activators.all()
        is_leading = self._leadership.may_write()
        outboxes = self._tables.follow(activators)
        self._seen = self._view.seen(now, activators, outboxes, is_leading=is_leading)
        before, made = self._front, turn(now, self._front, self._seen)
        self._front = made.front
        if is_leading:
            self._tables.post(made.tables)
        else:
            self._tables.drop()
            self._endpoints.resign()
        if self._activators.are_configured or self._declared or self._endpoints.known:
            # Else there is no slice of ours, and the install may have no right to look for one.
            self._endpoints.follow(made.endpoints)
        for key in made.stop:
            self._tell(key, before, made)
        for key, pool in self._seen.pools.items():
            if any(not pod.is_probed for pod in pool.ready):
                self._accepted(key, accepting(self._activators.reports(key)) or (), now)
        return made

    def _tell(self, key: PoolKey, before: Front, made: Turn) -> None:
        pool, known = made.front.pools[key], before.pools.get(key)
        if pool.switch and (known is None or known.switch is None or known.switch.phase != pool.switch.phase):
            message = "The hand-over of the Service is in phase %s"
            logger.info(message, pool.switch.phase, extra={"pool": str(key)})
        if pool.owner != (known.owner if known else None):
            self._services.expire(key)
            self._reader.wake(key)
        service = self._services.state(key)
        suits, port = service.suits, service.service.backend_port if service.service else None
        if pool.owner is not None:
            suits = shared_service(self._declared[key].http.service, pool.owner)
        self._front_turned(key, pool.stop, suits, port)


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return once it is set, and after this time in any case."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
