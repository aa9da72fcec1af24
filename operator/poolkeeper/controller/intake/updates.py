"""Takes in what happens outside, keeps the store true to it, and marks what is to be decided anew."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.pool.history import History
from poolkeeper.controller.pool.pod_selection import PodSelection
from poolkeeper.controller.pool.pool import Declaration, Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.kube.watch.pod import Pod

logger = logging.getLogger(__name__)


class DemandReader(Protocol):
    """Polls the queues of pools."""

    def assign(self, pool: PoolKey, sources: tuple[DemandSource, ...]) -> None:
        """Read exactly these."""

    def forget(self, pool: PoolKey) -> None:
        """Read nothing any more."""


class PodFollower(Protocol):
    """Watches the pods of namespaces."""

    def follow(self, namespaces: set[str]) -> None:
        """Watch exactly these."""

    def pods(self, namespace: str) -> Mapping[str, Pod]:
        """The pods of one of them by uid."""


class Intake:
    """What the API server, the queues and the pods tell; called on the event loop, returns at once."""

    def __init__(
        self,
        store: Store,
        agenda: Agenda[PoolKey],
        demand: DemandReader,
        pods: PodFollower,
        *,
        is_leading: Callable[[], bool],
    ) -> None:
        self._store = store
        self._agenda = agenda
        self._demand = demand
        self._pods = pods
        self._is_leading = is_leading
        self.classes_seen: set[str] = set()
        """Names of all classes that were ever delivered, those that can't be read included."""

    def pool_seen(self, body: Mapping[str, Any]) -> None:
        """A pool exists and looks like this."""
        metadata = body["metadata"]
        key = PoolKey(metadata["namespace"], metadata["name"])
        pool = self._store.get(key)
        if pool is not None and pool.declaration.uid != metadata["uid"]:
            self.pool_gone(key, pool.declaration.uid)
            pool = None
        if pool is None:
            self._begin(Pool.first_seen(body))
        elif pool.declaration.generation != metadata.get("generation", 0):
            before = pool.declaration
            pool.accept(Declaration.from_body(body))
            self._declared(pool)
            self._target_changed(before)
        elif not self._is_leading():
            # Whoever leads writes the status; when it is our turn, its history goes on.
            pool.told = body.get("status") or {}
            pool.history = History.from_status(pool.told)

    def pool_gone(self, key: PoolKey, uid: str) -> None:
        """A pool does not exist any more; its target stays as it is."""
        pool = self._store.get(key)
        if pool is None or pool.declaration.uid != uid:
            return
        logger.info("Pool deleted; its target stays as it is", extra={"pool": str(key)})
        self._store.remove(key)
        self._agenda.drop(key)
        self._demand.forget(key)
        self._pods.follow(self._store.namespaces)
        self._target_changed(pool.declaration)

    def class_seen(self, name: str, body: Mapping[str, Any]) -> None:
        """A class exists and looks like this."""
        self.classes_seen.add(name)
        try:
            self._store.classes[name] = AcceleratorClassSpec.model_validate(body.get("spec"))
        except ValidationError as error:
            logger.warning("AcceleratorClass %s can't be read and is left out: %s", name, error)
            self._store.classes.pop(name, None)
        self._class_changed(name)

    def class_gone(self, name: str) -> None:
        """A class does not exist any more; pools that know it go on with what they know."""
        self._store.classes.pop(name, None)
        self._mark_all(self._store.of_class(name))

    def published(self, key: PoolKey, news: Sample | Unavailable) -> None:
        """A source was read, or could not be."""
        pool = self._store.get(key)
        if pool is None:
            return
        is_news = pool.demand.enter(news)
        if is_news:
            pool.published_at = news.observed_at if isinstance(news, Sample) else news.since
        # What is read as before is news nevertheless where demand was not believed until now.
        if is_news or not pool.is_demand_known:
            self._mark(pool)

    def pods_changed(self, namespace: str) -> None:
        """Some pods of a namespace have changed, or are known again."""
        selection = PodSelection(self._pods.pods(namespace).values())
        for pool in self._store.in_namespace(namespace):
            pods = selection.matching(pool.target.selector)
            if pods != pool.pods:
                self._pods_of_pool_changed(pool, pods)
            elif not pool.are_replicas_known:
                self._mark(pool)

    def may_stop_now(self, key: PoolKey) -> None:
        """Activators hold what arrives: the last replicas of a pool may be stopped."""
        pool = self._store.get(key)
        if pool is not None:
            self._mark(pool)

    def leadership_changed(self) -> None:
        """This replica begins or ends to write: everything is looked at anew."""
        for pool in self._store.all():
            pool.target.forget()
            self._mark(pool)

    def _begin(self, pool: Pool) -> None:
        self._declared(pool)
        self._pods.follow(self._store.namespaces)
        self._target_changed(pool.declaration)

    def _declared(self, pool: Pool) -> None:
        self._store.put(pool)
        spec = pool.declaration.spec
        self._demand.assign(pool.key, spec.demand if spec else ())
        self._agenda.release(pool.key)
        self._mark(pool)

    def _pods_of_pool_changed(self, pool: Pool, pods: tuple[Pod, ...]) -> None:
        """Other pods than before may mean that somebody has changed the replicas."""
        if {pod.uid for pod in pods} != {pod.uid for pod in pool.pods}:
            pool.target.expire()
        pool.pods = pods
        self._mark(pool)

    def _target_changed(self, declaration: Declaration) -> None:
        """Which pool may write a target depends on the others that name it."""
        if declaration.target:
            self._mark_all(self._store.sharing(declaration.target))

    def _class_changed(self, name: str) -> None:
        pools = self._store.of_class(name)
        for pool in pools:
            pool.resolved = None
        self._mark_all(pools)

    def _mark_all(self, pools: list[Pool]) -> None:
        for pool in pools:
            self._mark(pool)

    def _mark(self, pool: Pool) -> None:
        pool.news += 1
        self._agenda.mark(pool.key)
