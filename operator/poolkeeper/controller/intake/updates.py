"""Keeps the store true to what the API server says about pools and classes."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.pool import PoolMode
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.pool.history import History
from poolkeeper.controller.pool.partners import group_of
from poolkeeper.controller.pool.pool import Declaration, Pool, labels_of
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.watch.pods import PodWatch

logger = logging.getLogger(__name__)

OTHER_CLASSES_SECONDS = 10.0
"""After a class is new, pods that do not fit their own are compared again: once for all classes that come
within this time, as those of a catalogue do."""


class SourceReader(Protocol):
    """Reads some kinds of sources."""

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Read exactly these for a pool."""

    def forget(self, pool: PoolKey) -> None:
        """Read nothing for a pool any more."""


class Updates:
    """Called on the event loop by the watch of our kinds; every method returns at once.

    Sources with `http` are assigned to `services`, all others to `queues`; `mark` makes a pool due a look;
    `gone` hears of pools that were deleted, `left` of targets with replicas that a pool names no more.
    """

    def __init__(
        self,
        store: Store,
        agenda: Agenda[PoolKey],
        mark: Callable[[Pool], None],
        *,
        queues: SourceReader,
        services: SourceReader,
        pods: PodWatch,
        is_leading: Callable[[], bool],
        gone: Callable[[Pool], None] = lambda _: None,
        left: Callable[[Pool, str], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._agenda = agenda
        self._mark = mark
        self._queues = queues
        self._services = services
        self._pods = pods
        self._is_leading = is_leading
        self._gone = gone
        self._left = left
        self.classes_seen: set[str] = set()
        """Names of all classes that were ever delivered, including unreadable ones."""

    def pool_seen(self, body: Mapping[str, Any]) -> None:
        metadata = body["metadata"]
        key = PoolKey(metadata["namespace"], metadata["name"])
        pool = self._store.get(key)
        if pool is not None and pool.declaration.uid != metadata["uid"]:
            self.pool_gone(key, pool.declaration.uid)
            pool = None
        if pool is not None and pool.labels != (labels := labels_of(body)):
            pool.labels = labels
            self._mark(pool)
        if pool is None:
            self._begin(Pool.first_seen(body))
        elif pool.declaration.generation != metadata.get("generation", 0):
            before, partners = pool.declaration, self._partners(pool)
            declaration = Declaration.from_body(body)
            for said in _left(pool, declaration):
                self._left(pool, said)
            pool.accept(declaration)
            self._declared(pool)
            self._mark_all(partners)
            self._target_changed(before)
        elif not self._is_leading():
            # The leader writes the status: when this replica leads later, that history goes on.
            pool.status, pool.meter = body.get("status") or {}, None
            pool.history = History.from_status(pool.status)

    def pool_gone(self, key: PoolKey, uid: str) -> None:
        """A pool was deleted; its target keeps its replicas."""
        pool = self._store.get(key)
        if pool is None or pool.declaration.uid != uid:
            return
        logger.info("Pool deleted; its target keeps its replicas", extra={"pool": str(key)})
        partners = self._partners(pool)
        self._store.remove(key)
        self._gone(pool)
        self._mark_all(partners)
        self._agenda.drop(key)
        self._queues.forget(key)
        self._services.forget(key)
        self._pods.follow(self._store.namespaces)
        self._target_changed(pool.declaration)

    def class_seen(self, name: str, body: Mapping[str, Any]) -> None:
        self.classes_seen.add(name)
        before = self._store.classes.get(name)
        try:
            self._store.classes[name] = AcceleratorClassSpec.model_validate(body.get("spec"))
        except ValidationError as error:
            logger.warning("AcceleratorClass %s can't be read and is ignored, correct it: %s", name, error)
            self._store.classes.pop(name, None)
        if before != self._store.classes.get(name):
            self._compare_again(name, is_new=before is None)
            self._mark_all(self._store.of_parts(name))
        self._class_changed(name)

    def class_gone(self, name: str) -> None:
        """A class was deleted; its pools keep the figures that they have read from it."""
        self._store.classes.pop(name, None)
        self._mark_all(self._store.of_class(name))

    def _begin(self, pool: Pool) -> None:
        self._declared(pool)
        self._pods.follow(self._store.namespaces)
        self._target_changed(pool.declaration)

    def _declared(self, pool: Pool) -> None:
        self._store.put(pool)
        spec = pool.declaration.spec
        sources = spec.demand if spec else ()
        self._queues.assign(pool.key, [each for each in sources if each.http is None])
        self._services.assign(pool.key, [each for each in sources if each.http is not None])
        self._agenda.release(pool.key)
        self._mark(pool)
        self._mark_all(self._partners(pool))

    def _partners(self, pool: Pool) -> list[Pool]:
        """The pools that come up and go to zero with a pool. Who names a pool that is gone is one too."""
        return list(group_of(self._store, pool)[1:])

    def _target_changed(self, declaration: Declaration) -> None:
        """Which pool may write a target depends on the other pools that name it: look at all of them."""
        for target in declaration.targets:
            self._mark_all(self._store.sharing(target))

    def _class_changed(self, name: str) -> None:
        pools = self._store.of_class(name)
        for pool in pools:
            pool.resolved = None
            # A pool without a known class claims no target.
            self._target_changed(pool.declaration)

    def _compare_again(self, name: str, *, is_new: bool) -> None:
        """Pod templates are compared with the class of their pool, and chips counted by it. Those that do not
        fit it may fit a new class."""
        for pool in self._store.of_class(name):
            pool.look_around_again()
            self._mark(pool)
        soon = self._agenda.now() + OTHER_CLASSES_SECONDS
        for pool in self._store.all() if is_new else ():
            if pool.surroundings.may_be_of_another_class:
                pool.look_around_again(soon)
                self._agenda.schedule(pool.key, soon)

    def _mark_all(self, pools: list[Pool]) -> None:
        for pool in pools:
            self._mark(pool)


def _left(pool: Pool, declaration: Declaration) -> Iterator[str]:
    """Of each target that has replicas and is not named in the new declaration, what becomes of it."""
    before = pool.declaration
    if declaration.spec is None or before.spec is None or before.spec.mode is not PoolMode.ENFORCE:
        return
    for arm, target in zip(pool.arms, before.targets, strict=False):
        scale = arm.target.scale
        if scale is not None and scale.pods and target not in declaration.targets:
            yield (
                f"{target.kind} {target.name} is no target of the pool any more and keeps its "
                f"spec.replicas of {scale.pods}: nobody scales it now. Scale it to 0 if nothing needs it"
            )
