"""One simulated world from its beginning to its end: pools of all wires, one kind of fault, one seed.

The reference of an episode has the same pools, the same arrivals and the same writes of others, but perfect
probes, and nothing is killed.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any

from hack.bench.queue.scene.arrivals import PROFILES, Arrival, Profile, arrivals
from hack.bench.queue.scene.memory_api import REQUEST_SECONDS, Deployment, MemoryApi
from hack.bench.queue.scene.memory_redis import MemoryRedis
from hack.bench.queue.scene.operator_replica import OperatorReplica, Pods, Surroundings
from hack.bench.queue.scene.pods import Probe, SimulatedPod, Template, Writer, container
from hack.bench.queue.scene.tally import Tally
from hack.bench.queue.scene.wires import WIRES, Wire, WireKind
from hack.bench.queue.scene.workload import OPERATOR, Workload
from hack.bench.queue.scene.world_time import WorldTime
from hack.testing.clocks import VirtualTimeLoop
from poolkeeper.kube.watch.pod import project_pod

WATCH_SECONDS = (0.02, 0.2)
"""How long a watch takes to deliver a change."""
CHECK_SECONDS = 5.0
"""How often jobs of dead workers are looked for."""
RESTART_SECONDS = (3.0, 10.0)


class Fault(StrEnum):
    """What goes wrong in an episode, besides nothing."""

    NONE = "none"
    LATE = "late probe"
    MISSING = "no probe"
    FLAPPING = "flapping probe"
    OPERATOR_KILLED = "operator killed"
    WORKERS_KILLED = "workers killed"
    HAND = "scaled by hand"
    TOOL = "re-applying tool"


PROBES = {
    Fault.NONE: (Probe.PERFECT,),
    Fault.LATE: (Probe.LATE,),
    Fault.MISSING: (Probe.MISSING,),
    Fault.FLAPPING: (Probe.FLAPPING,),
}
OTHERS = frozenset({Fault.HAND, Fault.TOOL})
"""In these, others write the replicas: what they ask for is no surplus, so the reference has it too."""


@dataclass(frozen=True)
class Plan:
    """All that decides how an episode goes."""

    fault: Fault
    seed: int
    seconds: float
    """In which jobs come."""
    is_reference: bool = False
    finish_seconds: float = 900.0
    """After that, for what still waits."""

    @property
    def reference(self) -> "Plan":
        """What this episode's replica-seconds are compared with."""
        fault = self.fault if self.fault in OTHERS else Fault.NONE
        return replace(self, fault=fault, is_reference=True)


@dataclass(frozen=True)
class Outcome:
    """What an episode showed."""

    plan: Plan
    tallies: Mapping[tuple[WireKind, str], Tally]
    """By wire and profile."""
    failed_looks: int
    """Looks at a pool that ended in a bug of the operator."""
    unknown: tuple[str, ...]
    """What the operator asked for and the simulation does not know."""


def jobs_of(seed: int, seconds: float) -> int:
    """How many jobs an episode has."""
    return sum(len(_jobs(kind, profile, seed, seconds)) for kind in WIRES for profile in PROFILES)


def play(plan: Plan) -> Outcome:
    """One episode, in virtual time."""
    random.seed(plan.seed)  # The controller spreads its reads by the module's own generator.
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(World(plan).run())


class World:
    """The pools of one episode, and what happens to them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._versions = 0

    async def run(self) -> Outcome:
        """From the first arrival until everything is finished."""
        self._time = WorldTime(f"{self._plan}")
        self._around = Surroundings(self._time, MemoryApi(self._time), Pods(), {})
        self._workloads: dict[tuple[WireKind, str], Workload] = {}
        self._operators: list[OperatorReplica] = []
        self._failed_looks = 0
        for kind, wire in WIRES.items():
            for profile in PROFILES:
                self._add_pool(kind, wire, profile)
        self._around.api.status_written = self._deliver_pool
        self._start_operator()
        if self._plan.fault is Fault.OPERATOR_KILLED:
            self._start_operator()
        self._let_faults_happen()
        await asyncio.sleep(self._plan.seconds + self._plan.finish_seconds)
        return self._end()

    def _end(self) -> Outcome:
        for operator in list(self._operators):
            self._stop(operator)
        now = self._time()
        for workload in self._workloads.values():
            workload.tally.replica_seconds += sum(now - pod.created_at for pod in workload.pods)
        redis = {f"Redis {each}" for server in self._around.servers.values() for each in server.unknown}
        tallies = {key: workload.tally for key, workload in self._workloads.items()}
        unknown = tuple(sorted(redis | set(self._around.api.unknown)))
        return Outcome(self._plan, tallies, self._failed_looks, unknown)

    def _add_pool(self, kind: WireKind, wire_type: type[Wire], profile: Profile) -> None:
        namespace = _namespace(kind, profile)
        jobs = _jobs(kind, profile, self._plan.seed, self._plan.seconds)
        redis = self._around.servers[namespace] = MemoryRedis(self._time)
        wire = wire_type(redis, profile.wait_seconds)
        template = Template(
            profile.load_seconds, self._probe(namespace), profile.on_term, profile.grace_seconds
        )
        workload = Workload(
            namespace,
            template,
            wire,
            self._time,
            {number: job.service_seconds for number, job in enumerate(jobs)},
            budget_seconds=profile.budget_seconds,
            show=self._show,
            forget=self._forget,
        )
        self._workloads[kind, profile.name] = workload
        self._around.api.pools[namespace] = _pool(namespace, profile, wire)
        self._around.api.deployments[namespace] = Deployment(
            namespace,
            container(template),
            self._time,
            partial(self._scaled, workload, namespace),
        )
        self._put(workload, jobs)
        self._check_for_dead(workload, wire, 1.5 * profile.service_seconds[1])

    def _probe(self, namespace: str) -> Probe:
        if self._plan.is_reference:
            return Probe.PERFECT
        every = tuple(Probe)
        return Random(f"{self._plan.seed} {namespace}").choice(PROBES.get(self._plan.fault, every))

    def _put(self, workload: Workload, jobs: tuple[Arrival, ...]) -> None:
        for number, job in enumerate(jobs):
            self._time.after(job.at, partial(workload.put, number))

    def _check_for_dead(self, workload: Workload, wire: Wire, after_seconds: float) -> None:
        wire.put_back(workload.is_alive, after_seconds)
        self._time.after(CHECK_SECONDS, partial(self._check_for_dead, workload, wire, after_seconds))

    def _scaled(self, workload: Workload, namespace: str, replicas: int, writer: str) -> None:
        leader = next((each for each in self._operators if each.leadership.may_write()), None)
        sent_at = self._time() - REQUEST_SECONDS / 2
        read_at, why = leader.last_look(namespace, sent_at) if leader else (0.0, "")
        workload.scale(replicas, Writer(writer, read_at, why if writer == OPERATOR else ""))

    def _show(self, pod: SimulatedPod) -> None:
        self._versions += 1
        shown = project_pod(pod.to_json(self._versions))
        self._around.pods.by_namespace.setdefault(pod.namespace, {})[shown.uid] = shown
        self._deliver_pods(pod.namespace)

    def _forget(self, pod: SimulatedPod) -> None:
        del self._around.pods.by_namespace[pod.namespace][f"uid-{pod.namespace}-{pod.name}"]
        self._deliver_pods(pod.namespace)

    def _deliver_pods(self, namespace: str) -> None:
        for operator in self._operators:
            self._time.within(*WATCH_SECONDS, partial(operator.pods_changed, namespace))

    def _deliver_pool(self, namespace: str) -> None:
        for operator in self._operators:
            self._time.within(*WATCH_SECONDS, partial(operator.pool_seen, namespace))

    def _start_operator(self) -> None:
        identity = f"operator-{self._time.monotonic():.3f}-{len(self._operators)}"
        self._operators.append(OperatorReplica(identity, self._around))

    def _stop(self, operator: OperatorReplica) -> None:
        operator.kill()
        self._operators.remove(operator)
        self._failed_looks += operator.failed_looks

    def _let_faults_happen(self) -> None:
        chance = Random(f"{self._plan.seed} faults")
        happens = {
            Fault.OPERATOR_KILLED: (self._kill_operator, 150.0),
            Fault.WORKERS_KILLED: (self._kill_worker, 100.0),
            Fault.HAND: (self._scale_by_hand, 600.0),
            Fault.TOOL: (self._apply, 45.0),
        }.get(self._plan.fault)
        if happens is None or (self._plan.is_reference and self._plan.fault not in OTHERS):
            return
        happen, mean_seconds = happens
        for at in _instants(chance, mean_seconds, self._plan.seconds):
            self._time.after(at, partial(happen, chance.random()))

    def _kill_operator(self, draw: float) -> None:
        """Mostly the leader: its standby takes over, and another process starts in its place."""
        leaders = [each for each in self._operators if each.leadership.may_write()]
        victims = leaders if leaders and draw < 0.8 else self._operators
        if victims:
            self._stop(victims[0])
            self._time.within(*RESTART_SECONDS, self._start_operator)

    def _kill_worker(self, draw: float) -> None:
        """Each pool loses a pod in half of the cases, so that they do not all lose one at once."""
        for number, workload in enumerate(self._workloads.values()):
            if (draw + number / len(self._workloads)) % 1 < 0.5:
                workload.lose_node()

    def _scale_by_hand(self, draw: float) -> None:
        """`kubectl scale` of one pool, up mostly."""
        deployments = list(self._around.api.deployments.values())
        deployment = deployments[int(draw * len(deployments))]
        deployment.write(int(100 * draw) % 4, "kubectl", subresource="scale")

    def _apply(self, draw: float) -> None:
        """A GitOps tool applies its manifests, `replicas: 1` among them, in a third of the pools."""
        for number, deployment in enumerate(self._around.api.deployments.values()):
            if number % 3 == self._plan.seed % 3:
                deployment.write(1, "argocd-controller", operation="Apply", subresource="")


def _namespace(kind: WireKind, profile: Profile) -> str:
    return f"{kind}-{profile.name}".lower().replace(" ", "-")


def _jobs(kind: WireKind, profile: Profile, seed: int, seconds: float) -> tuple[Arrival, ...]:
    return arrivals(profile, seconds, f"{seed} {_namespace(kind, profile)}")


def _instants(chance: Random, mean_seconds: float, seconds: float) -> Iterator[float]:
    at = 0.0
    while (at := at + chance.expovariate(1 / mean_seconds)) < seconds:
        yield at


def _pool(namespace: str, profile: Profile, wire: Wire) -> dict[str, Any]:
    spec = {
        "targetRef": {"name": "worker"},
        "accelerator": {"class": "cpu"},
        "replicas": {"min": 0, "max": profile.most_replicas},
        "coldStart": {"budgetSeconds": profile.budget_seconds},
        "scaleToZero": {"mode": "Fixed", "idleSeconds": profile.idle_seconds},
        "scaleDown": {"drainsOnTermination": profile.declares_drain},
        "demand": [wire.source(f"redis.{namespace}.svc:6379", 1.1 * profile.service_seconds[1] + 1)],
    }
    metadata = {
        "namespace": namespace,
        "name": "pool",
        "uid": f"uid-of-pool-{namespace}",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": spec}
