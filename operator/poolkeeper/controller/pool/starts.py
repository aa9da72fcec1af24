"""When each replica was asked for, how far it is, and whether it serves; what ends becomes a sample.

A replica serves once it is Ready by a readiness probe. A worker takes requests from a queue without asking
its probe, so it also serves once it is seen to have taken one; and without a probe on the serving container,
Ready alone says nothing, so such a replica is presumed to serve when it has run for as long as starts usually
take. One that lost its readiness goes on serving in a queue pool, until requests have waited for a usual
start and none was taken: then, or when its containers start again, it is a new start.
"""

import math
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from poolkeeper.controller.pool.replicas.ended import EndedPods
from poolkeeper.controller.pool.replicas.groups import PodGroup, furthest_of, stage_of
from poolkeeper.controller.pool.replicas.removal import Member, furthest_removed
from poolkeeper.controller.pool.replicas.serving import Serving, is_probed
from poolkeeper.controller.pool.replicas.start import Start
from poolkeeper.core.learning import takes
from poolkeeper.core.learning.starts import lessons
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.takes import Takes
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import POD_MISSING, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.watch.pod import Pod

CLOCK_SKEW_SECONDS = 2.0
"""A pod's creation is a whole second of the API server's clock: it may look earlier than the scale write."""
LATE_PROBE_SECONDS = 5.0
"""A replica may work for so long before it is Ready: a probe has a period, and the kubelet a queue."""
LOOK_SECONDS = 1.0
"""What happens between two looks at a pool with waiting requests is seen within this time."""
IN_VAIN_SECONDS = 5.0
"""A replica that has a free slot takes a request that waits within this time: ten polls."""
_LEAST_FAR = (Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING)


class Rules(NamedTuple):
    """What decides whether a replica of a pool serves."""

    serving: Serving = Serving()
    """How to know the container that serves."""
    usual_seconds: float = math.inf
    """How long a start takes at most, 95 times out of 100."""
    longest_seconds: float = math.inf
    """How long a start takes at most, 999 times out of 1,000."""
    takes_unready: bool = True
    """Whether a replica takes requests without being Ready, as from a queue; a Service sends it none."""


class Starts:
    """The starts of one pool."""

    def __init__(self) -> None:
        self._asks: deque[float] = deque(maxlen=10_000)
        """Unix seconds of the scale writes whose replicas have no pod yet, one entry per replica."""
        self._known: dict[str, Start] = {}
        """The start of each pod, by uid."""
        self._pods: tuple[Pod, ...] = ()
        """The pods that were followed last."""
        self._ended = EndedPods()
        self._rules = Rules()
        self._takes: Takes | None = None
        """What was seen of the requests while a replica ran that may serve unseen; None while none does."""
        self.short_since: float | None = None
        """Since when some desired replicas have had no pod; None while all have one."""
        self.works_unready = False
        """Whether a replica was seen to take requests for LATE_PROBE_SECONDS without being Ready."""

    def scaled(self, before: int, after: int, at: float) -> None:
        """The replicas of the target were set from `before` to `after`."""
        self._asks.extend([at] * (after - before))
        for _ in range(min(before - after, len(self._asks))):
            self._asks.pop()

    def follow(self, pods: Iterable[Pod], now: float, rules: Rules | None = None) -> None:
        """Match new pods to the oldest scale writes without a pod, forget deleted pods, and note how far the
        others are."""
        self._rules = rules or self._rules
        present = {pod.uid: pod for pod in pods}
        self._pods = tuple(present.values())
        for uid in self._known.keys() - present.keys():
            del self._known[uid]
        self._ended.begin(now)
        for uid, start in self._known.items():
            self._ended.note(present[uid], start)
        new = [pod for uid, pod in present.items() if uid not in self._known]
        for pod in sorted(new, key=lambda pod: pod.created_at or now):
            created_at = pod.created_at or now
            is_answer = bool(self._asks) and self._asks[0] <= created_at + CLOCK_SKEW_SECONDS
            asked_at = self._asks.popleft() if is_answer else created_at
            start = Start(asked_at, is_witnessed=is_answer, restarts=pod.restarts)
            if not is_answer:
                self._ended.replace(start)
            self._ended.note(pod, start, is_new=True)
            self._known[pod.uid] = start
        for pod in self._pods:
            self._judge(pod, self._known[pod.uid], now)
        if not self.has_unproven:
            self._takes = None

    def served_since(self, pod: Pod) -> float | None:
        """When a pod began to serve, infinity where nobody knows when; None before. A pod that is being
        terminated has served if it did before."""
        start = self._known.get(pod.uid)
        if start is None or not (start.serves or (pod.is_terminating and start.has_served)):
            return None
        ready_at = pod.ready_at if self.is_probed(pod) else None
        return start.ended_at or start.works_since or ready_at or math.inf

    @property
    def serving(self) -> Serving:
        """How the container that serves is known."""
        return self._rules.serving

    @property
    def has_unproven(self) -> bool:
        """Whether any replica runs that may serve although its readiness does not say so."""
        return any(self._is_unproven(pod) for pod in self._pods)

    def note_work(self, now: float, spec: PoolSpec, workload: Workload) -> None:
        """Learn from the requests which replicas serve although their readiness does not say so. Needed at
        each look while there are such replicas."""
        live = [pod for pod in self._pods if not pod.is_finished]
        unproven = [pod for pod in live if self._is_unproven(pod)]
        takers = sum(pod.is_terminating or self._known[pod.uid].serves for pod in live)
        if self._takes is None:
            self._takes = takes.begin(now, spec, workload, takers)
            return
        self._takes, seen = takes.look(now, spec, workload, takers, self._takes)
        unproven.sort(key=lambda pod: pod.started_at or math.inf)
        new = [pod for pod in unproven if not self._known[pod.uid].serves]
        workers = new[: seen.working]
        if seen.taken and not workers and takers == len(unproven) - len(new):
            # All that may have taken it served before: one of them still does, whatever its probe says.
            workers = [pod for pod in unproven if self._known[pod.uid].serves][:1]
        for pod in workers:
            start = self._known[pod.uid]
            start.works(now, began_at=seen.began_at)
            start.works_unready = not pod.is_ready

    def accepted(self, address: str, at: float) -> bool:
        """A replica without a readiness probe accepts connections; whether that is news.

        It is the proof also where the replica was presumed to serve before.
        """
        for pod in self._pods:
            start = self._known[pod.uid]
            if address in pod.addresses and start.works_since is None and not self.is_probed(pod):
                start.serves = False
                start.works(at, began_at=max(at, pod.ready_at or at))
                return True
        return False

    def is_probed(self, pod: Pod) -> bool:
        """Whether Ready says of this pod that it serves."""
        return is_probed(pod.containers, self._rules.serving)

    def replicas(self, desired: int, pods: Iterable[Pod], now: float) -> Replicas:
        """The replicas for a decision; a replica that has no pod yet counts as starting."""
        present = [pod for pod in pods if not pod.is_finished]
        live = [pod for pod in present if not pod.is_terminating]
        serving = [pod for pod in live if self._known[pod.uid].serves]
        return Replicas(
            desired=desired,
            ready=len(serving),
            starting=self._starting(desired, live, len(serving), now),
            terminating=len(present) - len(live),
            unready_working=sum(
                not pod.is_ready and self._known[pod.uid].has_worked_for(LATE_PROBE_SECONDS, now)
                for pod in serving
            ),
        )

    def samples(self, pods: Iterable[Pod], now: float) -> list[StartSample]:
        """New samples of starts since the last call, in the order in which they are learned."""
        found: list[StartSample] = []
        for pod in pods:
            start = self._known[pod.uid]
            if start.is_learned or pod.is_terminating:
                continue
            if start.ended_at is not None:
                start.is_learned = True
                if lessons.is_believed(start.ended_at - (start.begun_at or start.asked_at)):
                    found.append(start.sample(pod, now))
            elif _can_not_start(pod):
                start.is_learned = True
                found.append(start.sample(pod, now, failed=True))
            elif not start.serves and _has_grown(start, now):
                found.append(start.sample(pod, now))
        return lessons.in_order(found)

    def changes_at(self, now: float) -> float:
        """When the replicas may count otherwise although nothing happens: one is presumed to serve, or one
        that was is so no longer, or one works whose readiness probe should have passed."""
        usual_seconds, longest_seconds = self._rules.usual_seconds, self._rules.longest_seconds
        due = math.inf
        for pod in self._pods:
            start = self._known[pod.uid]
            if self._is_unproven(pod) and pod.is_ready and not start.serves and start.begun_at is not None:
                due = min(due, start.begun_at + longest_seconds)
            if start.works_unready and start.works_since is not None and not self.works_unready:
                due = min(due, start.works_since + LATE_PROBE_SECONDS)
        if self._takes is not None and self._takes.untaken_since is not None:
            due = min(due, self._takes.untaken_since + usual_seconds)
        return due if due > now else math.inf

    def _judge(self, pod: Pod, start: Start, now: float) -> None:
        """Note how far a pod is, and whether it serves."""
        start.note(pod, now)
        if start.works_unready:
            self.works_unready = self.works_unready or start.has_worked_for(LATE_PROBE_SECONDS, now)
            start.works_unready = not pod.is_ready
        has_restarted, start.restarts = pod.restarts > start.restarts, pod.restarts
        if start.serves and has_restarted:
            start.begins_again(now)
        if pod.is_ready and self.is_probed(pod):
            self._note_readiness(pod, start, now)
        elif start.serves and not self._can_take(pod):
            start.begins_again(now)
        elif start.serves and self._waits_in_vain(now, self._rules.usual_seconds):
            start.goes_on(now)
        elif not start.serves and pod.is_ready and self._is_presumed(start, now):
            start.serves = True

    def _note_readiness(self, pod: Pod, start: Start, now: float) -> None:
        """A readiness probe says that a pod serves. If requests have waited in vain for as long as it has
        run, it did not before. Else, where others worked before they were Ready, it may have been able to."""
        since = self._takes.untaken_since if self._takes is not None else None
        if not start.serves and since is not None and start.runs_since is not None:
            self.works_unready = self.works_unready and since > start.runs_since + LOOK_SECONDS
        start.becomes_ready(pod, now, is_late=self.works_unready)

    def _can_take(self, pod: Pod) -> bool:
        """Whether a pod that served, and that no readiness probe calls Ready, may still take requests."""
        if isinstance(pod, PodGroup) and not pod.is_whole:
            return False
        return pod.is_ready or (pod.is_running and self._rules.takes_unready)

    def _is_presumed(self, start: Start, now: float) -> bool:
        """Whether a pod without a readiness probe has run for so long that it can't be loading any more."""
        if start.begun_at is None or self._waits_in_vain(now, IN_VAIN_SECONDS):
            return False
        return now - start.begun_at >= self._rules.longest_seconds

    def _waits_in_vain(self, now: float, seconds: float) -> bool:
        """Whether requests have waited for so long, and none was taken."""
        since = self._takes.untaken_since if self._takes is not None else None
        return since is not None and now - since >= seconds

    def _is_unproven(self, pod: Pod) -> bool:
        """Whether it may serve although no readiness probe says so."""
        if pod.is_terminating or pod.is_finished:
            return False
        if pod.is_ready:
            return not self.is_probed(pod)
        return self._can_take(pod)

    def _starting(
        self, desired: int, live: list[Pod], serving: int, now: float
    ) -> tuple[StartingReplica, ...]:
        """The replicas that don't serve yet; where there are more than are desired, those that are furthest,
        since the others are about to go."""
        asks = self._without_pod(desired - len(live), now)
        most = max(0, desired - serving)
        if not most:
            return ()
        members = [*(self._member(pod) for pod in live), *([Member(None, Stage.UNADMITTED)] * len(asks))]
        furthest = furthest_removed(members)
        starting = [
            self._starting_replica(pod, reached)
            for pod, reached in zip(live, furthest[: len(live)], strict=True)
            if not self._known[pod.uid].serves
        ]
        starting += [
            StartingReplica(asked_at, Stage.UNADMITTED, removed_with=_beyond(Stage.UNADMITTED, reached))
            for asked_at, reached in zip(asks, furthest[len(live) :], strict=True)
        ]
        starting.sort(key=lambda replica: (-_LEAST_FAR.index(replica.stage), replica.asked_at))
        return tuple(sorted(starting[:most], key=lambda replica: replica.asked_at))

    def _without_pod(self, missing: int, now: float) -> list[float]:
        """When each of the replicas that have no pod was asked for."""
        if missing <= 0:
            self.short_since = None
            self._ended.forget()
            return []
        self.short_since = self.short_since or now
        known = list(self._asks)[-missing:]
        return [*([self.short_since] * (missing - len(known))), *known]

    def _member(self, pod: Pod) -> Member:
        return Member(pod, Stage.RUNNING if self._known[pod.uid].serves else furthest_of(pod))

    def _starting_replica(self, pod: Pod, reached: Stage) -> StartingReplica:
        start, stage = self._known[pod.uid], stage_of(pod)
        # Before the pod has a node, why it has none says more than why the pod before it ended.
        is_hidden = stage is Stage.UNADMITTED and bool(start.replaces)
        lacks_pod = isinstance(pod, PodGroup) and pod.lacks_pod
        return StartingReplica(
            asked_at=start.asked_at,
            stage=stage,
            begun_at=start.begun_at,
            failure=POD_MISSING if lacks_pod else "" if is_hidden else start.failure,
            pod=pod.name,
            removed_with=_beyond(stage, reached),
            words="" if is_hidden else start.replacement,
        )


def _beyond(stage: Stage, reached: Stage) -> Stage | None:
    return None if reached is stage else reached


def _has_grown(start: Start, now: float) -> bool:
    """Whether a running start should be learned again. While it waits for a node, it has not begun."""
    if start.begun_at is None or not lessons.has_grown(now - start.begun_at, start.learned_age):
        return False
    start.learned_age = now - start.begun_at
    return True


def _can_not_start(pod: Pod) -> bool:
    """Whether the pod won't start: its image can't be pulled, or it keeps crashing, maybe for days."""
    return (pod.is_finished or pod.has_failed) and not pod.is_ready
