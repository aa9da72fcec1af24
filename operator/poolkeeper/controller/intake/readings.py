"""What is read while the operator runs (demand, pods, who leads) is kept in its pool, which is then due."""

from collections.abc import Iterable, Mapping

from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.pod_selection import PodSelection, without_those_of
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Stop, Unavailable, Waiting
from poolkeeper.kube.watch.pod import Pod


class Readings:
    """Called on the event loop by what reads; every method returns at once."""

    def __init__(self, store: Store, agenda: Agenda[PoolKey]) -> None:
        self._store = store
        self._agenda = agenda

    def published(self, key: PoolKey, news: Sample | Unavailable) -> None:
        """A source was read, or could not be."""
        pool = self._store.get(key)
        if pool is None:
            return
        # While demand counts as unknown, the same reading again is what makes it known.
        if pool.demand.enter(news) or not pool.is_demand_known:
            if isinstance(news, Sample):
                pool.reaction.news(news.observed_at)
            self.mark(pool)

    def pods_changed(self, namespace: str, pods: Mapping[str, Pod]) -> None:
        """Some pods of a namespace have changed, or are known again; `pods` are all of them by uid."""
        selection = PodSelection(pods.values())
        for pool in self._store.in_namespace(namespace):
            keys = pool.declaration.targets
            changed = [
                _see(
                    arm,
                    without_those_of(selection.matching(arm.target.selector, key), key, keys),
                    selection.workers(key),
                )
                for arm, key in zip(pool.arms, keys or (None,), strict=False)
            ]
            if any(changed) or not pool.are_replicas_known:
                self.mark(pool)

    def front_turned(
        self, key: PoolKey, stop: Stop, service: Verdict | None, pods_port: int | None = None
    ) -> None:
        """Who answers the pool's Service was looked at: whether the last replicas may stop now, whether
        requests to the Service can be held, and the pods' port that it leads to, where that is known."""
        pool = self._store.get(key)
        if pool is None:
            return
        is_news = _what_for(stop) != _what_for(pool.stop) or service != pool.service
        pool.stop, pool.service, pool.pods_port = stop, service, pods_port or pool.pods_port
        if is_news:
            self.mark(pool)

    def accepted(self, key: PoolKey, addresses: Iterable[str], now: float) -> None:
        """Replicas without a readiness probe, by address, that accept connections now."""
        pool = self._store.get(key)
        if pool is None:
            return
        news = [address for address in addresses for arm in pool.arms if arm.starts.accepted(address, now)]
        if news:
            self.mark(pool)

    def leadership_changed(self, is_leading: bool) -> None:
        """This replica begins or ends to write: every pool is looked at again, with its target read first."""
        for pool in self._store.all():
            for arm in pool.arms:
                arm.target.forget()
            pool.takes_over = is_leading
            self.mark(pool)

    def writes_resumed(self) -> None:
        """This replica may write again after its lease was renewed late: no look in between has written."""
        for pool in self._store.all():
            self.mark(pool)

    def mark(self, pool: Pool) -> None:
        pool.news += 1
        pool.reaction.news(self._agenda.now())
        self._agenda.mark(pool.key)


def _see(arm: Arm, pods: tuple[Pod, ...], workers: tuple[Pod, ...]) -> bool:
    """Whether these are other pods than before. That may mean that somebody has changed the replicas: /scale
    is read again."""
    if (pods, workers) == (arm.pods, arm.workers):
        return False
    if {pod.uid for pod in pods} != {pod.uid for pod in arm.pods}:
        arm.target.expire()
    arm.pods, arm.workers = pods, workers
    return True


def _what_for(stop: Stop) -> str:
    """What a stop waits for; empty where it waits for nothing."""
    return stop.reason if isinstance(stop, Waiting) else ""
