"""The pods of all pools: one watch per namespace, or one for the whole cluster when there are many."""

import asyncio
import time
from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.transport.listing import list_all
from poolkeeper.kube.transport.paths import api_path, namespaced_path
from poolkeeper.kube.watch.pod import Pod, project_pod
from poolkeeper.kube.watch.pod_store import PodStore
from poolkeeper.kube.watch.reflector import NOT_LISTED, Reflector, WatchTiming

CLUSTER_WIDE_ABOVE = 50
CLUSTER = ""
COALESCE_SECONDS = 0.02
EVENTS_APART_SECONDS = 0.005
MOST_SHARE_OF_TIME = 0.1
"""While many events come, calls of `on_change` take about this share of the time."""


class _Watch(NamedTuple):
    reflector: Reflector[Pod]
    task: asyncio.Task[None]


class PodWatch:
    """Follows the pods of some namespaces. `on_change` is called with a namespace when its pods have changed,
    and when they are current again after an interruption.

    With more than `cluster_wide_above` namespaces one watch of the whole cluster is used, and pods of other
    namespaces are dropped; None always watches single namespaces, for an operator that may only read those.
    Changes close together become one call; a single change is passed on without delay, since a request may be
    waiting for the pod that is ready now.
    """

    def __init__(
        self,
        client: KubeClient,
        on_change: Callable[[str], None],
        *,
        cluster_wide_above: int | None = CLUSTER_WIDE_ABOVE,
        timing: WatchTiming | None = None,
        coalesce_seconds: float = COALESCE_SECONDS,
    ) -> None:
        self._client = client
        self._on_change = on_change
        self._cluster_wide_above = cluster_wide_above
        self._timing = timing or WatchTiming()
        self._coalesce_seconds = coalesce_seconds
        self._store = PodStore()
        self._followed: frozenset[str] = frozenset()
        self._watches: dict[str, _Watch] = {}
        self._catching_up: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._changed: set[str] = set()
        self._next_at = float("-inf")

    def follow(self, namespaces: set[str]) -> None:
        """Follow exactly these namespaces from now on. Needs a running event loop."""
        added = namespaces - self._followed
        for namespace in self._followed - namespaces:
            self._end(self._catching_up.pop(namespace, None))
            self._store.drop(namespace)
        self._followed = frozenset(namespaces)
        was_cluster_wide = CLUSTER in self._watches
        wanted = {CLUSTER} if self._is_cluster_wide(was_cluster_wide) else set(namespaces)
        for place in self._watches.keys() - wanted:
            self._end(self._watches.pop(place).task)
        for place in wanted - self._watches.keys():
            self._watches[place] = self._started(place)
        for namespace in added if was_cluster_wide and CLUSTER in wanted else ():
            self._catching_up[namespace] = asyncio.create_task(self._catch_up(namespace))

    def pods(self, namespace: str) -> Mapping[str, Pod]:
        """The pods of a followed namespace by uid, as last seen; `failure` says whether that is current."""
        return self._store.pods(namespace)

    def failure(self, namespace: str) -> KubeFailure | None:
        """Why the pods of a namespace may be out of date; None while they are current."""
        if namespace in self._catching_up or namespace not in self._followed:
            return NOT_LISTED
        watch = self._watches.get(namespace) or self._watches[CLUSTER]
        return watch.reflector.failure

    async def close(self) -> None:
        """End all watches."""
        self.follow(set())
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _is_cluster_wide(self, is_now: bool) -> bool:
        if self._cluster_wide_above is None:
            return False
        # A lower limit for the way back, so that one namespace more or less does not restart all watches.
        limit = self._cluster_wide_above * 4 // 5 if is_now else self._cluster_wide_above
        return len(self._followed) > limit

    def _started(self, place: str) -> _Watch:
        def covered() -> frozenset[str]:
            return frozenset((place,)) if place else self._followed

        def on_list(listed: list[Pod]) -> None:
            self._note(self._store.reconcile(listed, covered()))

        def on_current() -> None:
            self._note(covered())

        reflector = Reflector(
            self._client,
            _path(place),
            project=project_pod,
            on_list=on_list,
            on_event=self._take,
            on_current=on_current,
            timing=self._timing,
        )
        return _Watch(reflector, asyncio.create_task(reflector.run()))

    def _take(self, event_type: str, pod: Pod) -> None:
        if pod.namespace not in self._followed:
            return
        has_changed = self._store.remove(pod) if event_type == "DELETED" else self._store.put(pod)
        if has_changed:
            self._note({pod.namespace}, delay_seconds=self._next_at - _now())

    async def _catch_up(self, namespace: str) -> None:
        """List a namespace whose pods the watch of the cluster has dropped until now."""
        failures = 0
        while True:
            try:
                path = _path(namespace)
                listed, _ = await list_all(self._client, path, project_pod, paging=self._timing.paging)
                break
            except KubeFailure:
                await asyncio.sleep(self._timing.backoff.pause_seconds(failures))
                failures += 1
        # The watch went on while the list was read: `put` keeps the newer version of each pod.
        for pod in listed:
            self._store.put(pod)
        self._catching_up.pop(namespace)
        self._note({namespace})

    def _end(self, task: asyncio.Task[None] | None) -> None:
        if task:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()

    def _note(self, namespaces: Set[str], *, delay_seconds: float | None = None) -> None:
        if namespaces and not self._changed:
            delay_seconds = self._coalesce_seconds if delay_seconds is None else max(0.0, delay_seconds)
            asyncio.get_running_loop().call_later(delay_seconds, self._tell)
        self._changed |= namespaces

    def _tell(self) -> None:
        began = time.monotonic()
        changed, self._changed = self._changed, set()
        for namespace in changed & self._followed:
            self._on_change(namespace)
        took_seconds = time.monotonic() - began
        pause_seconds = max(EVENTS_APART_SECONDS, took_seconds / MOST_SHARE_OF_TIME)
        self._next_at = _now() + min(self._coalesce_seconds, pause_seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _path(place: str) -> str:
    return namespaced_path("v1", place, "pods") if place else api_path("v1", "pods")
