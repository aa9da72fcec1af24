"""A namespace with a Redis, a worker Deployment and a pool, seen only through kubectl as its owner would."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hack.demo.commands import ROOT, KubectlCluster
from poolkeeper.api.past_decision import PastDecision

MANIFESTS = ROOT / "hack" / "demo" / "manifests"
DONE = "jobs-done"
Manifest = dict[str, Any]


def manifests(name: str) -> list[Manifest]:
    """The documents of one of the demo's manifest files."""
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


@dataclass(frozen=True)
class QueueNamespace:
    """One test's namespace in the test cluster."""

    cluster: KubectlCluster
    namespace: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in this namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def apply(self, *documents: Manifest) -> None:
        """kubectl apply of these documents."""
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(documents))

    def create_queue_and_worker(
        self,
        *,
        load_seconds: int,
        service_seconds: float,
        variables: Mapping[str, str] | None = None,
        change: Callable[[Manifest], object] = lambda _: None,
        replicas: int = 0,
    ) -> None:
        """A Redis that answers, and a worker that takes this long to load and to do one job; `variables` make
        another worker of it, and `change` edits its pod template."""
        self.apply(*manifests("redis.yaml"))
        self.kubectl("rollout", "status", "deploy/redis", "--timeout", "90s")
        times = {"LOAD_SECONDS": str(load_seconds), "SERVICE_SECONDS": str(service_seconds)}
        self.apply(self.worker_manifest({**times, **(variables or {})}, change, replicas))

    def worker_manifest(
        self,
        variables: Mapping[str, str],
        change: Callable[[Manifest], object] = lambda _: None,
        replicas: int = 0,
    ) -> Manifest:
        """The demo's worker, which also notes what is done."""
        (worker,) = manifests("worker.yaml")
        template = worker["spec"]["template"]
        environment = template["spec"]["containers"][0]["env"]
        for name, value in {"REDIS_DONE": DONE, **variables}.items():
            set_variable(environment, name, value)
        change(template)
        worker["spec"]["replicas"] = replicas
        return worker

    def pool_manifest(self, **spec: Any) -> Manifest:
        """The demo's pool for this namespace's Redis, with some of its spec replaced."""
        (pool,) = manifests("pool.yaml")
        pool["spec"]["demand"][0]["redisList"]["address"] = f"redis.{self.namespace}.svc:6379"
        pool["spec"].update(spec)
        return pool

    def quick_pool(self, source: Mapping[str, Any] | None = None, **spec: Any) -> Manifest:
        """A pool that starts at once and stops after 10 s without work; `source` replaces parts of what it
        waits on."""
        quick = {
            "coldStart": {"budgetSeconds": 5, "expectedSeconds": 5, "start": "Immediately"},
            "scaleToZero": {"mode": "Fixed", "idleSeconds": 10},
        }
        pool = self.pool_manifest(**{**quick, **spec})
        pool["spec"]["demand"][0].update(source or {})
        return pool

    def list_without_trace(self, longest_seconds: int) -> dict[str, Any]:
        """The list as BRPOP workers take from it, whose jobs take no longer than this."""
        address = f"redis.{self.namespace}.svc:6379"
        return {"maxServiceSeconds": longest_seconds, "redisList": {"address": address, "list": "jobs"}}

    def feed(self, jobs: int, every_seconds: float) -> None:
        """Puts one job after the other into the queue, from within the Redis pod; returns at once."""
        one = f"redis-cli RPUSH jobs job-$i >/dev/null; sleep {every_seconds}"
        loop = f"(for i in $(seq {jobs}); do {one}; done) >/dev/null 2>&1 &"
        self.kubectl("exec", "deploy/redis", "--", "sh", "-c", loop)

    def push(self, jobs: int) -> None:
        """Puts jobs into the queue."""
        self.redis("RPUSH", "jobs", *(f"job-{number}" for number in range(jobs)))

    def redis(self, *command: str) -> str:
        """One Redis command, run inside the Redis pod."""
        return self.kubectl("exec", "deploy/redis", "--", "redis-cli", *command).strip()

    def jobs_left(self) -> int:
        """Jobs that wait or are being worked on."""
        return int(self.redis("LLEN", "jobs")) + int(self.redis("LLEN", "jobs-in-progress"))

    def done(self) -> int:
        """Different jobs that a worker has finished."""
        return int(self.redis("SCARD", DONE))

    def replicas(self) -> int:
        """What the worker Deployment asks for."""
        return int(self.cluster.get("deployment", "worker", self.namespace)["spec"]["replicas"])

    def ready_replicas(self) -> int:
        """The worker replicas that are ready."""
        status = self.cluster.get("deployment", "worker", self.namespace)["status"]
        return int(status.get("readyReplicas", 0))

    def worker_pods(self) -> list[str]:
        """The worker's pods, those that are ending included, which may still take a job."""
        return self.kubectl("get", "pods", "--selector", "app=worker", "--output", "name").split()

    def runs_a_container(self) -> bool:
        """Whether a container of the worker runs, ready or not."""
        path = "{.items[*].status.containerStatuses[*].state.running.startedAt}"
        return bool(
            self.kubectl("get", "pods", "--selector", "app=worker", "--output", f"jsonpath={path}").strip()
        )

    def pool_status(self) -> dict[str, Any]:
        """The pool's status; empty before the operator has seen it."""
        status: dict[str, Any] = self.cluster.get("acceleratorpool", "worker", self.namespace).get(
            "status", {}
        )
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition of the pool; empty if it isn't there."""
        found = [one for one in self.pool_status().get("conditions", []) if one["type"] == kind]
        return found[0] if found else {}

    def says(self, kind: str, status: str, reason: str) -> bool:
        """Whether a condition of the pool has this status and reason."""
        found = self.condition(kind)
        return (found.get("status"), found.get("reason")) == (status, reason)

    def decision(self) -> str:
        """The reason of the pool's decision now; empty before the first."""
        return str(self.pool_status().get("decision", {}).get("reason", ""))

    def starts_seen(self) -> int:
        """How many cold starts the pool has learned from."""
        return int(self.pool_status().get("coldStart", {}).get("samples", 0))

    def decided(self) -> list[str]:
        """The reasons of the pool's recorded decisions, oldest first."""
        return [one.reason for one in self._decisions()]

    def explained(self, reason: str) -> str:
        """The sentence of the last decision with this reason."""
        return next(one.message for one in reversed(self._decisions()) if one.reason == reason)

    def explanations(self) -> list[str]:
        """The sentence of the decision now, and those of the recorded decisions."""
        now = self.pool_status().get("decision", {}).get("message", "")
        return [now, *(one.message for one in self._decisions())]

    def _decisions(self) -> list[PastDecision]:
        lines = self.pool_status().get("decisions", [])
        return sorted(map(PastDecision.model_validate, lines), key=lambda one: one.at)

    def wait_until(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Polls until something holds; fails with the pool as kubectl describes it."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if holds():
                return
            time.sleep(0.5)
        raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self._described()}")

    def holds_for(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Polls for as long and fails as soon as something does not hold."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            assert holds(), f"not for {seconds:.0f} s: {what}\n{self._described()}"
            time.sleep(0.5)

    def _described(self) -> str:
        return self.kubectl("describe", "acceleratorpools")


def set_variable(environment: list[dict[str, str]], name: str, value: str) -> None:
    """Sets one variable of a container's environment, adding it if it is new."""
    environment[:] = [one for one in environment if one["name"] != name] + [{"name": name, "value": value}]
