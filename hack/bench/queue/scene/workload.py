"""A Deployment's pods: a simulated ReplicaSet makes and removes them, and keeps account of their jobs."""

import itertools
from collections.abc import Callable, Mapping

from hack.bench.queue.scene.pods import UNWRITTEN, SimulatedPod, Template, Writer
from hack.bench.queue.scene.tally import Cut, Tally
from hack.bench.queue.scene.wires import Wire
from hack.bench.queue.scene.world_time import WorldTime

SYNC_SECONDS = (0.02, 0.3)
OPERATOR = "poolkeeper"


class Workload:
    """The pods of one pool. `show` is called with a pod that is new or changed, `forget` with one
    that is gone."""

    def __init__(
        self,
        namespace: str,
        template: Template,
        wire: Wire,
        time: WorldTime,
        service_seconds: Mapping[int, float],
        *,
        budget_seconds: float,
        show: Callable[[SimulatedPod], None],
        forget: Callable[[SimulatedPod], None],
    ) -> None:
        self.tally = Tally()
        self.pods: list[SimulatedPod] = []
        self.replicas = 0
        self._namespace, self._template, self._wire, self._time = namespace, template, wire, time
        self._service_seconds, self._budget_seconds = service_seconds, budget_seconds
        self._show, self._forget = show, forget
        self._numbers = itertools.count(1)
        self._put_at: dict[int, float] = {}
        self._lowered_by = UNWRITTEN
        self._is_syncing = False

    def put(self, job: int) -> None:
        """A producer adds a job."""
        self.tally.jobs += 1
        self._put_at[job] = self._time()
        self._wire.put(job)

    def scale(self, replicas: int, writer: Writer) -> None:
        """Somebody has written the replicas."""
        if replicas < self.replicas:
            self._lowered_by = writer
        if writer.name == OPERATOR:
            self.tally.scale_ups += max(0, replicas - self.replicas)
            self.tally.scale_downs += replicas < self.replicas
        self.replicas = replicas
        self._sync_soon()

    def lose_node(self) -> None:
        """One of the pods ends without warning."""
        running = [pod for pod in self.pods if pod.is_alive and pod.started_at is not None]
        if running:
            self._time.chance.choice(running).lose_node()
            self._sync_soon()

    def is_alive(self, worker: str) -> bool:
        """Whether the worker of this name still runs."""
        return any(pod.name == worker and pod.is_alive for pod in self.pods)

    def changed(self, pod: SimulatedPod) -> None:
        """The API server shows something new."""
        self._show(pod)

    def gone(self, pod: SimulatedPod) -> None:
        """The API server has forgotten the pod."""
        self.pods.remove(pod)
        self.tally.replica_seconds += self._time() - pod.created_at
        self._forget(pod)
        self._sync_soon()

    def begun(self, pod: SimulatedPod, job: int) -> float:
        """A worker has begun a job."""
        if job not in self.tally.begun and self._time() - self._put_at[job] > self._budget_seconds:
            self.tally.late += 1
        self.tally.begun[job] += 1
        return self._service_seconds[job]

    def finished(self, pod: SimulatedPod, job: int) -> None:
        """A worker has finished a job."""
        self.tally.done[job] += 1

    def cut_off(self, pod: SimulatedPod, job: int) -> None:
        """A worker has ended in the middle of a job."""
        why = self._why(pod, job)
        self.tally.cuts[job] = why
        self.tally.cut[why] += 1
        if why is Cut.UNSEEN:
            self.tally.blind_stops.add(pod.removed_by.read_at)
        if why is Cut.SCALE_DOWN:
            ready = "not Ready" if pod.ready_at is None else "Ready"
            self.tally.cut_by_scale_down.append(
                f"{self._namespace}/{pod.name} ({ready}) at {self._time.monotonic():.1f} s by "
                f"{pod.removed_by.reason}: job {job}, taken {self._time() - pod.job_taken_at:.1f} s before"
            )
        self._wire.died(pod, job)

    def _why(self, pod: SimulatedPod, job: int) -> Cut:
        if pod.is_killed:
            return Cut.KILLED
        if pod.removed_by.name != OPERATOR:
            return Cut.OTHERS
        if pod.job_taken_at > pod.removed_by.read_at:
            return Cut.TOO_LATE
        return Cut.SCALE_DOWN if self._wire.has_shown(job) else Cut.UNSEEN

    def _sync_soon(self) -> None:
        if not self._is_syncing:
            self._is_syncing = True
            self._time.within(*SYNC_SECONDS, self._sync)

    def _sync(self) -> None:
        """What the ReplicaSet controller does."""
        self._is_syncing = False
        active = [pod for pod in self.pods if not pod.is_terminating]
        for _ in range(self.replicas - len(active)):
            name = f"worker-{next(self._numbers)}"
            pod = SimulatedPod(name, self._namespace, self._template, self._wire, self._time, self)
            self.pods.append(pod)
            self._show(pod)
        surplus = len(active) - self.replicas
        if surplus > 0:
            for pod in sorted(active, key=SimulatedPod.removal_rank)[:surplus]:
                pod.terminate(self._lowered_by)
