"""The pods of the namespaces that have pools, from lists and watch events that may overtake each other."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from poolkeeper.kube.watch.pod import Pod

DELETIONS_REMEMBERED = 10_000


class PodStore:
    """Pods by namespace and uid. An older version of a pod never replaces a newer one."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Pod]] = {}
        self._snapshots: dict[str, Mapping[str, Pod]] = {}
        self._deleted: OrderedDict[str, None] = OrderedDict()

    def pods(self, namespace: str) -> Mapping[str, Pod]:
        """The pods of a namespace by uid, as an unchanging snapshot."""
        if namespace not in self._snapshots:
            self._snapshots[namespace] = dict(self._known.get(namespace, {}))
        return self._snapshots[namespace]

    def put(self, pod: Pod) -> bool:
        """Enter a pod that was created, changed or listed; returns whether its projection has changed."""
        known = self._known.setdefault(pod.namespace, {})
        before = known.get(pod.uid)
        if pod.uid in self._deleted or (before and pod.version < before.version):
            return False
        known[pod.uid] = pod
        return self._noted(pod.namespace, before != pod)

    def remove(self, pod: Pod) -> bool:
        """Remove a deleted pod; returns whether it was known."""
        # Uids are never reused: an event about this pod that comes later is out of date.
        self._deleted[pod.uid] = None
        while len(self._deleted) > DELETIONS_REMEMBERED:
            self._deleted.popitem(last=False)
        removed = self._known.get(pod.namespace, {}).pop(pod.uid, None)
        return self._noted(pod.namespace, removed is not None)

    def reconcile(self, listed: Iterable[Pod], namespaces: Iterable[str]) -> set[str]:
        """Replace the pods of these namespaces by a list; returns the namespaces that changed.

        A list shows which pods were deleted while no watch was open; events do not.
        """
        wanted: dict[str, dict[str, Pod]] = {namespace: {} for namespace in namespaces}
        for pod in listed:
            if pod.namespace in wanted:
                wanted[pod.namespace][pod.uid] = pod
        return {namespace for namespace, pods in wanted.items() if self._replace(namespace, pods)}

    def drop(self, namespace: str) -> None:
        """Forget a namespace."""
        self._known.pop(namespace, None)
        self._snapshots.pop(namespace, None)

    def _replace(self, namespace: str, pods: dict[str, Pod]) -> bool:
        before = self.pods(namespace)
        self._known[namespace] = pods
        return self._noted(namespace, before != pods)

    def _noted(self, namespace: str, has_changed: bool) -> bool:
        if has_changed:
            self._snapshots.pop(namespace, None)
        return has_changed
