"""What users read of requests that wait too long: the case of five jobs of two minutes at four replicas."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from poolkeeper.api.status import AcceleratorPoolStatus
from poolkeeper.commands.explain import explanation
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.pool_metrics import PoolCollector
from poolkeeper.kube.watch.pod import project_pod
from tests.component.controller.fake_cluster import FakeCluster

POLL_SECONDS = 0.5
START_SECONDS, JOB_SECONDS = 5.0, 120.0


@dataclass
class Jobs:
    """Jobs that wait at once, workers that take one each, and the operator, in steps of half a second."""

    cluster: FakeCluster
    queue: list[float] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    busy_until: list[float] = field(default_factory=list)
    told: list[tuple[float, str, str]] = field(default_factory=list)
    """Seconds from the arrival of the jobs, reason and message, whenever they differ from before."""

    async def run(self, seconds: float) -> None:
        began_at = self.cluster.now
        while self.cluster.now < began_at + seconds:
            self._work()
            self.cluster.publish(len(self.queue), in_flight=len(self.busy_until))
            await self.cluster.look()
            decision = self.pool.decision
            assert decision is not None
            said = (str(decision.reason), decision.message)
            if not self.told or said != self.told[-1][1:]:
                self.told.append((self.cluster.now - began_at, *said))
            self.cluster.now += POLL_SECONDS

    @property
    def pool(self) -> Pool:
        (pool,) = self.cluster.store.all()
        return pool

    def _work(self) -> None:
        """What has happened since the last step."""
        now = self.cluster.now
        self.asked_at += [now] * (self.cluster.scales.replicas["worker"] - len(self.asked_at))
        self.busy_until = [until for until in self.busy_until if until > now]
        ready = sum(at + START_SECONDS <= now for at in self.asked_at)
        while self.queue and len(self.busy_until) < ready:
            self.queue.pop(0)
            self.busy_until.append(now + JOB_SECONDS)
        pods = {f"{number}": worker(number, at, now) for number, at in enumerate(self.asked_at)}
        if pods != self.cluster.pods.present:
            self.cluster.pods.present = pods
            self.cluster.readings.pods_changed("ns", pods)


def worker(number: int, asked_at: float, now: float) -> Any:
    """A pod that gets a node at once and is ready after START_SECONDS."""

    def timestamp(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    is_ready = now >= asked_at + START_SECONDS
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": timestamp(asked_at)}]
    if is_ready:
        ready_at = timestamp(asked_at + START_SECONDS)
        conditions.append({"type": "Ready", "status": "True", "lastTransitionTime": ready_at})
    metadata = {
        "uid": f"{number}",
        "name": f"worker-{number}",
        "namespace": "ns",
        "resourceVersion": f"{number + 1}{int(is_ready)}",
        "labels": {"app": "worker"},
        "creationTimestamp": timestamp(asked_at),
        "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
    }
    container = {"name": "worker", "readinessProbe": {"exec": {"command": ["true"]}}}
    state = {"running": {"startedAt": timestamp(asked_at)}}
    return project_pod(
        {
            "metadata": metadata,
            "spec": {"nodeName": "node", "containers": [container]},
            "status": {
                "phase": "Running",
                "conditions": conditions,
                "containerStatuses": [{"name": "worker", "state": state, "ready": is_ready}],
            },
        }
    )


@pytest.fixture
async def jobs(cluster: FakeCluster) -> Jobs:
    """At most four replicas and a budget of 10 s; the five jobs have just come."""
    cluster.scales.replicas["worker"] = 0
    changes: dict[str, Any] = {
        "replicas": {"min": 0, "max": 4},
        "coldStart": {"budgetSeconds": 10},
        "scaleToZero": {"mode": "Learned"},
    }
    cluster.declare(**changes)
    for _ in range(3):
        cluster.publish(0)
        await cluster.look()
        cluster.now += POLL_SECONDS
    return Jobs(cluster, queue=[cluster.now] * 5)


async def test_nobody_is_promised_10_s_over_a_job_that_waits_for_two_minutes(jobs: Jobs) -> None:
    await jobs.run(100.0)
    after_budget = [(reason, message) for at, reason, message in jobs.told if at >= 9.5]
    assert {reason for reason, _ in after_budget} == {"AtCeiling"}
    ages = [int(found[1]) for _, message in after_budget if (found := re.search(r"for (\d+) s", message))]
    assert ages[0] <= 12
    assert ages[-1] >= 60
    assert len(ages) <= 6
    assert after_budget[-1][1].startswith("1 request has waited longer than the budget of 10 s, for ")
    assert after_budget[-1][1].endswith("but the pool may have no more than 4 replicas (spec.replicas.max)")

    conditions = {each["type"]: each for each in jobs.cluster.statuses.written[-1]["conditions"]}
    assert conditions["WithinLimits"]["status"] == "False"
    assert conditions["WithinLimits"]["message"] == (
        "the demand needs more than the 4 replicas that spec.replicas.max allows"
    )


async def test_the_job_counts_as_late_while_it_waits_and_once_it_was_taken(jobs: Jobs) -> None:
    await jobs.run(100.0)
    status = AcceleratorPoolStatus.model_validate(jobs.cluster.statuses.written[-1])
    assert status.promise is not None
    assert status.promise.objective == "99 % within 10 s"
    waits = "80 % of 5 requests in time; late: 1 by ceiling; 1 of them still wait"
    assert status.promise.last_hour == waits
    assert "last hour     80 % of 5 requests in time; late: 1 by ceiling" in explanation("ns/pool", status)
    assert series(jobs, "poolkeeper_pool_requests_waiting_late") == {"ceiling": 1.0}
    assert series(jobs, "poolkeeper_pool_requests_late_total") == {}

    await jobs.run(100.0)
    status = AcceleratorPoolStatus.model_validate(jobs.cluster.statuses.written[-1])
    assert status.promise is not None
    assert status.promise.last_30_days == "80 % of 5 requests in time; late: 1 by ceiling"
    assert series(jobs, "poolkeeper_pool_requests_waiting_late") == {}
    assert series(jobs, "poolkeeper_pool_requests_late_total") == {"ceiling": 1.0}
    assert series(jobs, "poolkeeper_pool_requests_taken_total") == {"": 5.0}
    assert series(jobs, "poolkeeper_pool_objective_ratio") == {"": pytest.approx(0.99)}


def series(jobs: Jobs, name: str) -> dict[str, float]:
    """The values above 0 of a metric by cause."""
    collector = PoolCollector(jobs.cluster.store.all, lambda: True, lambda: 0, jobs.cluster.clock)
    values = [
        (sample.labels.get("cause", ""), sample.value)
        for family in collector.collect()
        for sample in family.samples
        if sample.name == name
    ]
    assert values, f"no series {name}"
    return {cause: value for cause, value in values if value}


async def test_a_pool_that_rests_writes_no_status_as_requests_leave_the_windows(jobs: Jobs) -> None:
    jobs.queue = jobs.queue[:1]
    await jobs.run(200.0)
    written = len(jobs.cluster.statuses.written)
    await jobs.cluster.look()
    jobs.cluster.now += 86_400.0
    jobs.cluster.publish(0)
    await jobs.cluster.look()
    assert len(jobs.cluster.statuses.written) <= written + 1
    assert jobs.cluster.statuses.written[-1]["promise"]["lastHour"] == "100 % of 1 request in time"
