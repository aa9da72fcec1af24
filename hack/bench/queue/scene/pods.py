"""One simulated pod: its kubelet, its process, and the worker in it.

A pod gets a node, its container starts, the process loads the model for some seconds, and from then on the
worker takes jobs, whatever the readiness probe says. `to_json` is the pod as the API server shows it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from hack.bench.queue.scene.wires import Wire
from hack.bench.queue.scene.world_time import WorldTime
from poolkeeper.api.timestamps import format_timestamp

NODE_SECONDS = (0.05, 0.6)
CONTAINER_SECONDS = (0.5, 3.0)
PROBE_SECONDS = (0.1, 1.0)
LATE_SECONDS = (0.0, 60.0)
FLAP_ON_SECONDS, FLAP_OFF_SECONDS = (5.0, 40.0), (2.0, 20.0)
REMOVAL_SECONDS = (0.2, 1.0)
"""From the end of the process until the API server forgets the pod."""


class Probe(StrEnum):
    """What the readiness probe says."""

    PERFECT = "perfect"
    """Ready within a second after the model is loaded."""
    LATE = "late"
    """Ready up to a minute after that, while the worker has long taken jobs."""
    MISSING = "missing"
    """There is none: Ready as soon as the process starts, long before the model is loaded."""
    FLAPPING = "flapping"
    """On and off while the worker works."""


class OnTerm(StrEnum):
    """What the worker does on SIGTERM."""

    FINISHES = "finishes"
    """Finishes the job in hand and begins no other; SIGKILL at the end of the grace period."""
    ENDS = "ends"
    """Ends at once, as a process without a handler does."""
    IGNORES = "ignores"
    """Goes on until SIGKILL."""


class Writer(NamedTuple):
    """Who has written a number of replicas."""

    name: str
    """The field manager."""
    read_at: float
    """When the operator had read the queue last, in Unix seconds."""
    reason: str
    """Of the operator's decision; empty for others."""


UNWRITTEN = Writer("", 0.0, "")
"""Before anybody has lowered the replicas."""


@dataclass(frozen=True)
class Template:
    """What all pods of a pool have in common."""

    load_seconds: float
    probe: Probe
    on_term: OnTerm
    grace_seconds: float


class Owner(Protocol):
    """Who made the pod."""

    def changed(self, pod: "SimulatedPod") -> None:
        """The API server shows something new."""

    def gone(self, pod: "SimulatedPod") -> None:
        """The API server has forgotten the pod."""

    def begun(self, pod: "SimulatedPod", job: int) -> float:
        """Its worker has begun a job; the seconds that it takes."""

    def finished(self, pod: "SimulatedPod", job: int) -> None:
        """Its worker has finished a job."""

    def cut_off(self, pod: "SimulatedPod", job: int) -> None:
        """Its worker has ended in the middle of a job."""


class SimulatedPod:
    """Its name is also the worker's."""

    def __init__(
        self, name: str, namespace: str, template: Template, wire: Wire, time: WorldTime, owner: Owner
    ) -> None:
        self.name, self.namespace, self.created_at = name, namespace, time()
        self.scheduled_at: float | None = None
        self.started_at: float | None = None
        self.ready_at: float | None = None
        self.deleted_at: float | None = None
        self.is_alive = True
        """Whether its process may still start, or runs."""
        self.is_killed = False
        """Whether its node was lost."""
        self.removed_by = UNWRITTEN
        """Who had lowered the replicas when it was removed."""
        self.job: int | None = None
        self.job_taken_at = 0.0
        self._template, self._wire, self._time, self._owner = template, wire, time, owner
        self._timers: list[asyncio.TimerHandle] = []
        self._later(NODE_SECONDS, self._get_node)

    @property
    def is_terminating(self) -> bool:
        """Whether it was deleted and is not gone yet."""
        return self.deleted_at is not None

    def removal_rank(self) -> tuple[bool, bool, bool, float, float]:
        """The smallest of several is removed first, as in Kubernetes' ActivePodsWithRanks: without a node,
        pending, not ready, ready for the shorter time, younger."""
        is_ready = self.ready_at is not None
        return (
            self.scheduled_at is not None,
            self.started_at is not None,
            is_ready,
            -(self.ready_at or 0.0),
            -self.created_at,
        )

    def begin(self, job: int) -> None:
        """Redis has delivered a job."""
        self.job, self.job_taken_at = job, self._time()
        seconds = self._owner.begun(self, job)
        self._timers.append(self._time.after(seconds, self._finish))

    def terminate(self, removed_by: Writer) -> None:
        """The ReplicaSet removes it."""
        self.removed_by = removed_by
        self.deleted_at = self._time()
        self._owner.changed(self)
        on_term = self._template.on_term
        is_busy = self.job is not None
        if self.started_at is None or on_term is OnTerm.ENDS or (on_term is OnTerm.FINISHES and not is_busy):
            self._end()
            return
        if on_term is OnTerm.FINISHES:
            self._wire.leave(self)
        self._timers.append(self._time.after(self._template.grace_seconds, self._end))

    def lose_node(self) -> None:
        """Its process ends without warning, and the pod is removed by force."""
        if self.is_alive:
            self.is_killed = True
            self.deleted_at = self.deleted_at or self._time()
            self._end()

    def to_json(self, version: int) -> dict[str, Any]:
        """As the API server shows it."""
        metadata = {
            "uid": f"uid-{self.namespace}-{self.name}",
            "name": self.name,
            "namespace": self.namespace,
            "labels": {"app": "worker"},
            "creationTimestamp": format_timestamp(self.created_at),
            "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
            "resourceVersion": str(version),
        }
        if self.deleted_at is not None:
            metadata["deletionTimestamp"] = format_timestamp(self.deleted_at)
        return {"metadata": metadata, "spec": self._spec(), "status": self._status()}

    def _spec(self) -> dict[str, Any]:
        return {
            "containers": [container(self._template)],
            **({"nodeName": "node"} if self.scheduled_at is not None else {}),
        }

    def _status(self) -> dict[str, Any]:
        is_ready = self.ready_at is not None
        conditions = [_condition("PodScheduled", self.scheduled_at, self.created_at)]
        conditions.append(_condition("Ready", self.ready_at, self.started_at or self.created_at))
        running = (
            {"running": {"startedAt": format_timestamp(self.started_at)}}
            if self.started_at is not None
            else {"waiting": {"reason": "ContainerCreating"}}
        )
        statuses = [{"name": "worker", "ready": is_ready, "restartCount": 0, "state": running}]
        return {
            "phase": "Pending" if self.started_at is None else "Running",
            "conditions": conditions,
            **({"containerStatuses": statuses} if self.scheduled_at is not None else {}),
        }

    def _get_node(self) -> None:
        self.scheduled_at = self._time()
        self._later(CONTAINER_SECONDS, self._start)
        self._owner.changed(self)

    def _start(self) -> None:
        self.started_at = self._time()
        if self._template.probe is Probe.MISSING:
            self.ready_at = self.started_at
        load = self._template.load_seconds
        self._later((0.8 * load, 1.2 * load), self._loaded)
        self._owner.changed(self)

    def _loaded(self) -> None:
        if self._template.probe is not Probe.MISSING:
            delay = LATE_SECONDS if self._template.probe is Probe.LATE else PROBE_SECONDS
            self._later(delay, self._pass_probe)
        self._wire.wait(self)

    def _pass_probe(self) -> None:
        self.ready_at = self._time()
        if self._template.probe is Probe.FLAPPING:
            self._later(FLAP_ON_SECONDS, self._fail_probe)
        self._owner.changed(self)

    def _fail_probe(self) -> None:
        self.ready_at = None
        self._later(FLAP_OFF_SECONDS, self._pass_probe)
        self._owner.changed(self)

    def _finish(self) -> None:
        job, self.job = self.job, None
        assert job is not None
        self._wire.finished(self, job)
        self._owner.finished(self, job)
        if self.is_terminating and self._template.on_term is OnTerm.FINISHES:
            self._end()
        else:
            self._wire.wait(self)

    def _end(self) -> None:
        """The process has ended."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._wire.end(self)
        for timer in self._timers:
            timer.cancel()
        if self.job is not None:
            self._owner.cut_off(self, self.job)
        self.ready_at = None
        self._time.within(*REMOVAL_SECONDS, self._be_gone)

    def _be_gone(self) -> None:
        self._owner.gone(self)

    def _later(self, seconds: tuple[float, float], happen: Callable[[], None]) -> None:
        self._timers.append(self._time.within(*seconds, happen))


def container(template: Template) -> dict[str, Any]:
    """The one container, as the pod template declares it."""
    probe = {} if template.probe is Probe.MISSING else {"readinessProbe": {"httpGet": {"port": 8080}}}
    return {"name": "worker", "image": "worker:1", **probe}


def _condition(kind: str, since: float | None, otherwise: float) -> dict[str, Any]:
    at = otherwise if since is None else since
    return {
        "type": kind,
        "status": "False" if since is None else "True",
        "lastTransitionTime": format_timestamp(at),
    }
