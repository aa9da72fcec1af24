"""Pods that ended before they ever served, such as evicted ones, and the pods that Kubernetes makes instead.

A pod that ended is no replica any more, so the pod that replaces it has its failure until that one is Ready:
as with a container that crashes, which runs in between.
"""

from collections import deque
from typing import NamedTuple

from poolkeeper.controller.pool.replicas.start import Start
from poolkeeper.kube.watch.pod import Pod


class Ended(NamedTuple):
    """A pod that ended before it ever served."""

    pod: str
    """Its name."""
    failure: str
    """Why it ended, such as Evicted."""


class EndedPods:
    """The pods of one pool that ended before they ever served and are not replaced yet.

    A pod that failed stays until it is collected as garbage, maybe for days, and says nothing about a later
    start. So only a pod counts that was seen before it ended, or that was created since the pool is followed.
    """

    def __init__(self) -> None:
        self._followed_since: float | None = None
        self._unreplaced: deque[Ended] = deque(maxlen=1000)

    def begin(self, now: float) -> None:
        """The pool is followed from the first such call on."""
        if self._followed_since is None:
            self._followed_since = now

    def note(self, pod: Pod, start: Start, *, is_new: bool = False) -> None:
        """Note once that a pod has ended. One that is being deleted was meant to end."""
        if not pod.is_finished or start.is_over:
            return
        start.is_over = True
        is_old = is_new and (pod.created_at is None or pod.created_at < (self._followed_since or 0.0))
        if pod.has_failed and not (is_old or pod.is_terminating or start.has_served or start.serves):
            self._unreplaced.append(Ended(pod.name, pod.failure))

    def replace(self, start: Start) -> None:
        """A new pod that no scale write called for replaces the one that ended first."""
        if self._unreplaced:
            ended = self._unreplaced.popleft()
            start.replaces, start.failure = ended.pod, ended.failure

    def forget(self) -> None:
        """No replica lacks a pod, so no pod is awaited that replaces another."""
        self._unreplaced.clear()
