"""When each replica was asked for: new pods are matched to the scale writes before them, and become
samples."""

from collections import deque
from collections.abc import Iterable, Mapping

from poolkeeper.core.learning import lessons
from poolkeeper.core.learning.start_time import StartSample
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from poolkeeper.kube.watch.pod import Pod

CLOCK_SKEW_SECONDS = 2.0
"""A pod's creation is a whole second of the API server's clock: it may look earlier than the scale write."""
WITNESS_SECONDS = 5.0
"""A pod whose Ready condition is older than this was not seen when it got ready."""


class Starts:
    """The starts of one pool. Sets and mappings of pods are by uid."""

    def __init__(self) -> None:
        self._asks: deque[float] = deque(maxlen=10_000)
        """Unix seconds of the scale writes whose replicas have no pod yet, one entry per replica."""
        self._asked_at: dict[str, float] = {}
        """When each known pod was asked for."""
        self._served: set[str] = set()
        """Pods that are ready, or were at the last look."""
        self._learned: set[str] = set()
        """Pods whose start has ended and was returned as a sample."""
        self._running: dict[str, float] = {}
        """Age in seconds of each running start when it was last returned as a sample."""
        self._failures: dict[str, str] = {}
        """Why pods that are not ready have failed last: a container that crashes runs in between."""
        self._loading: set[str] = set()
        """Pods that were seen before they were ready."""
        self.short_since: float | None = None
        """Since when some desired replicas have had no pod; None while all have one."""

    def scaled(self, before: int, after: int, at: float) -> None:
        """The replicas of the target were set from `before` to `after`."""
        self._asks.extend([at] * (after - before))
        for _ in range(min(before - after, len(self._asks))):
            self._asks.pop()

    def follow(self, pods: Iterable[Pod], now: float) -> None:
        """Match new pods to the oldest scale writes without a pod; forget deleted pods."""
        present = {pod.uid: pod for pod in pods}
        self._forget_others(present)
        new = [pod for uid, pod in present.items() if uid not in self._asked_at]
        for pod in sorted(new, key=lambda pod: pod.created_at or now):
            created_at = pod.created_at or now
            is_answer = self._asks and self._asks[0] <= created_at + CLOCK_SKEW_SECONDS
            self._asked_at[pod.uid] = self._asks.popleft() if is_answer else created_at
        for pod in present.values():
            self._note_service(pod, now)

    def replicas(self, desired: int, pods: Iterable[Pod], now: float) -> Replicas:
        """The replicas for a decision; a replica that has no pod yet counts as starting."""
        present = [pod for pod in pods if not pod.is_finished]
        live = [pod for pod in present if not pod.is_terminating]
        ready = sum(pod.is_ready for pod in live)
        starting = [self._starting(pod) for pod in live if not pod.is_ready]
        starting += self._without_pod(desired - ready - len(starting), now)
        starting.sort(key=lambda replica: replica.asked_at)
        return Replicas(
            desired=desired,
            ready=ready,
            starting=tuple(starting[: max(0, desired - ready)]),
            terminating=len(present) - len(live),
        )

    def samples(self, pods: Iterable[Pod], now: float) -> list[StartSample]:
        """New samples of starts since the last call, in the order in which they are learned."""
        new = [pod for pod in pods if pod.uid not in self._learned and not pod.is_terminating]
        ready = sorted((pod for pod in new if pod.is_ready), key=lambda pod: pod.ready_at or now)
        failed = [pod for pod in new if _can_not_start(pod) and pod.uid not in self._served]
        loading = [pod for pod in new if not pod.is_ready and not _can_not_start(pod)]
        self._learned.update(pod.uid for pod in (*ready, *failed))
        believed = [pod for pod in ready if lessons.is_believed(_took_seconds(pod))]
        growing = [pod for pod in loading if self._has_grown(pod, now)]
        return lessons.in_order(self._sample(pod, now) for pod in (*failed, *believed, *growing))

    def _forget_others(self, present: Mapping[str, Pod]) -> None:
        for uid in self._asked_at.keys() - present.keys():
            del self._asked_at[uid]
            self._running.pop(uid, None)
            self._served.discard(uid)
            self._failures.pop(uid, None)
            self._loading.discard(uid)
            self._learned.discard(uid)

    def _note_service(self, pod: Pod, now: float) -> None:
        """Note whether a pod is ready. One that was and no longer is counts as a start that begins now."""
        if pod.failure:
            self._failures[pod.uid] = pod.failure
        if pod.is_ready:
            self._served.add(pod.uid)
            self._failures.pop(pod.uid, None)
        elif pod.uid in self._served:
            self._served.discard(pod.uid)
            self._asked_at[pod.uid] = now
        else:
            self._loading.add(pod.uid)

    def _without_pod(self, missing: int, now: float) -> list[StartingReplica]:
        if missing <= 0:
            self.short_since = None
            return []
        self.short_since = self.short_since or now
        known = list(self._asks)[-missing:]
        unknown = [self.short_since] * (missing - len(known))
        return [StartingReplica(asked_at, Stage.UNADMITTED) for asked_at in (*unknown, *known)]

    def _starting(self, pod: Pod) -> StartingReplica:
        asked_at = self._asked_at[pod.uid]
        begun_at = asked_at if pod.has_node else None
        failure = pod.failure or self._failures.get(pod.uid, "")
        return StartingReplica(asked_at, _stage(pod), begun_at, failure, pod=pod.name)

    def _has_grown(self, pod: Pod, now: float) -> bool:
        age = now - self._asked_at[pod.uid]
        if not lessons.has_grown(age, self._running.get(pod.uid)):
            return False
        self._running[pod.uid] = age
        return True

    def _sample(self, pod: Pod, now: float) -> StartSample:
        return StartSample(
            uid=pod.uid,
            asked_at=self._asked_at[pod.uid],
            observed_at=now,
            scheduled_at=pod.scheduled_at,
            started_at=pod.started_at,
            ready_at=self._ready_at(pod, now),
            failed=_can_not_start(pod),
        )

    def _ready_at(self, pod: Pod, now: float) -> float | None:
        """This process's clock if it saw the pod get ready, since the pod has whole seconds of another
        clock."""
        if pod.ready_at is None or not pod.is_ready:
            return None
        is_witnessed = pod.uid in self._loading and abs(now - pod.ready_at) <= WITNESS_SECONDS
        return now if is_witnessed else pod.ready_at


def _stage(pod: Pod) -> Stage:
    if not pod.has_node:
        return Stage.UNADMITTED
    return Stage.RUNNING if pod.is_running else Stage.NO_CONTAINER


def _can_not_start(pod: Pod) -> bool:
    """Whether the pod won't start: its image can't be pulled, or it keeps crashing, maybe for days."""
    return (pod.is_finished or pod.has_failed) and not pod.is_ready


def _took_seconds(pod: Pod) -> float:
    return (pod.ready_at or 0.0) - (pod.created_at or 0.0)
