"""Requests whose worker is gone: what users read about them, and what the pool does meanwhile."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from hack.bench.queue.scene.memory_redis import MemoryRedis, MemoryWire
from hack.bench.queue.scene.wires import LmoveWire
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.status import AcceleratorPoolStatus
from poolkeeper.commands.explain import explanation
from poolkeeper.controller.pool.history import MESSAGE_LENGTH
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.unmoved import Entries, Look
from poolkeeper.kube.watch.pod import Pod, project_pod
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.redis.session import RedisSession
from poolkeeper.sources.registry import queue_of
from poolkeeper.sources.watch import Watch
from tests.component.controller.fake_cluster import FakeCluster

KEY = PoolKey("ns", "pool")


def demand(max_service_seconds: int | None, **keys: str) -> list[dict[str, Any]]:
    queue = {"address": "redis:6379", "list": "jobs", "processingList": "jobs-in-progress", **keys}
    return [{"name": "jobs", "redisList": queue, "maxServiceSeconds": max_service_seconds}]


def ready_pod(number: int) -> Pod:
    metadata = {
        "uid": f"{number}",
        "name": f"worker-{number}",
        "namespace": "ns",
        "labels": {"app": "worker"},
        "creationTimestamp": "1970-01-12T13:00:00Z",
        "resourceVersion": "1",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
    }
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-12T13:01:00Z"}
    spec = {"containers": [{"name": "model", "readinessProbe": {"httpGet": {}}}]}
    return project_pod({"metadata": metadata, "spec": spec, "status": {"conditions": [ready]}})


def runs(cluster: FakeCluster, replicas: int) -> None:
    """So many replicas are ready."""
    cluster.scales.replicas["worker"] = replicas
    cluster.pods.present = {str(number): ready_pod(number) for number in range(replicas)}
    cluster.readings.pods_changed("ns", cluster.pods.present)


class Cluster(FakeCluster):
    """Pods follow the replicas at once."""

    def follow_scale(self) -> None:
        if len(self.pods.present) > self.scales.replicas["worker"]:
            runs(self, self.scales.replicas["worker"])


async def polls(cluster: Cluster, seconds: float, look: str, *, queued: int = 0, step: float = 1.0) -> None:
    """The queue is read again and again; `look` has a letter for each request in flight."""
    for _ in range(round(seconds / step)):
        cluster.now += step
        found: Look = Entries(tuple(look))
        news = Sample("jobs", cluster.now, queued, len(look), look, in_flight_look=found if look else None)
        cluster.readings.published(KEY, news)
        await cluster.look()
        cluster.follow_scale()


def condition(cluster: FakeCluster) -> dict[str, str]:
    pool = cluster.store.get(KEY)
    assert pool is not None
    found = pool.history.conditions["NoOrphans"]
    return {"status": found.status.value, "reason": found.reason, "message": found.message}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_a_worker_that_was_killed_leaves_an_orphan_that_is_shown_and_holds_nothing(
    cluster: Cluster,
) -> None:
    runs(cluster, 1)
    cluster.declare(demand=demand(60))
    await polls(cluster, 59, "x")
    assert condition(cluster)["status"] == "True"
    assert cluster.scales.replicas["worker"] == 1
    await polls(cluster, 30, "x")
    assert cluster.scales.replicas["worker"] == 0
    assert condition(cluster) == {
        "status": "False",
        "reason": "Orphaned",
        "message": "source jobs: 1 request in flight has not moved since 1970-01-12T13:46:41Z, longer ago "
        "than maxServiceSeconds (60 s). The worker is gone, and no replica stays up for it. "
        "To look: redis-cli LRANGE jobs-in-progress 0 99. "
        "To put one back: redis-cli LMOVE jobs-in-progress jobs RIGHT LEFT.",
    }
    assert [event for event in cluster.events if event[1] == "Orphaned"] == [("Warning", "Orphaned")]
    await polls(cluster, 61, "x")
    status = cluster.statuses.written[-1]
    assert status["demand"] == {"queued": 0, "inFlight": 0, "orphaned": 1}
    assert status["decision"]["message"].endswith("1 request is orphaned: see the condition NoOrphans")
    printed = explanation("ns/pool", AcceleratorPoolStatus.model_validate(status))
    assert "NoOrphans=False Orphaned: source jobs: 1 request" in printed


async def test_the_condition_is_true_again_and_the_number_absent_once_the_entry_is_gone(
    cluster: Cluster,
) -> None:
    runs(cluster, 0)
    cluster.declare(demand=demand(20))
    await polls(cluster, 30, "x")
    await polls(cluster, 61, "")
    assert condition(cluster)["status"] == "True"
    assert "orphaned" not in cluster.statuses.written[-1]["demand"]


async def test_a_stale_entry_beside_work_is_shown_with_commands_that_spare_the_work(cluster: Cluster) -> None:
    runs(cluster, 2)
    cluster.declare(demand=demand(20))
    for number in range(24):
        await polls(cluster, 1, f"{'abcdefgh'[number % 8]}x")
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("False", "Orphaned")
    assert "redis-cli RPUSH jobs ENTRY && redis-cli LREM" in condition(cluster)["message"]


async def test_at_zero_requests_of_nobody_are_known_at_once_and_start_nothing(
    cluster: Cluster,
) -> None:
    runs(cluster, 0)
    cluster.declare(demand=demand(600))
    await polls(cluster, 5, "xyz")
    assert cluster.scales.writes == []
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("False", "MoreThanSlots")
    assert condition(cluster)["message"].startswith(
        "3 requests in flight are held by no replica of this pool (none runs). Workers are gone,"
    )


async def test_more_in_flight_than_slots_is_known_within_seconds(cluster: Cluster) -> None:
    runs(cluster, 2)
    cluster.declare(demand=demand(None))
    await polls(cluster, 5, "abcde")
    assert condition(cluster)["message"].startswith(
        "3 requests in flight are held by no replica of this pool (2 replicas with 1 slot each). "
    )
    assert "without end, because maxServiceSeconds is not set" in condition(cluster)["message"]


async def test_an_entry_that_holds_replicas_without_end_is_shown_after_an_hour(cluster: Cluster) -> None:
    runs(cluster, 1)
    cluster.declare(demand=demand(None))
    await polls(cluster, 3_500, "x", step=10.0)
    assert condition(cluster)["status"] == "True"
    await polls(cluster, 400, "x", step=10.0)
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("False", "MaybeOrphaned")
    assert "Set maxServiceSeconds on the source" in condition(cluster)["message"]
    assert cluster.scales.replicas["worker"] == 1


async def test_a_restarted_operator_does_not_call_good_what_it_has_not_watched_for_long_enough() -> None:
    before, after = Cluster(), Cluster()
    runs(before, 0)
    before.declare(demand=demand(60))
    await polls(before, 70, "x")
    runs(after, 0)
    after.now = before.now
    after.declare(demand=demand(60), status=before.statuses.written[-1])
    await polls(after, 2, "x")
    assert condition(after)["reason"] == "StillWatched"
    await polls(after, 70, "x")
    assert condition(after)["reason"] == "Orphaned"
    await polls(after, 1, "")
    assert (condition(after)["status"], condition(after)["reason"]) == ("True", "NoneSeen")


async def test_while_demand_is_unknown_the_condition_is_too(cluster: Cluster) -> None:
    runs(cluster, 1)
    cluster.declare(demand=demand(20))
    await cluster.look()
    assert (condition(cluster)["status"], condition(cluster)["reason"]) == ("Unknown", "DemandUnknown")


@pytest.mark.parametrize(
    "declared",
    [
        {"redisList": {"address": "redis:6379", "list": "jobs"}, "maxServiceSeconds": 20},
        {"http": {"service": "chat", "port": 80}},
    ],
)
async def test_sources_that_keep_nothing_have_no_such_condition(
    cluster: Cluster, declared: dict[str, Any]
) -> None:
    runs(cluster, 1)
    cluster.declare(demand=[{"name": "jobs", **declared}])
    await cluster.look()
    assert "NoOrphans" not in {each["type"] for each in cluster.statuses.written[-1]["conditions"]}


async def test_the_message_is_bounded_whatever_the_keys_are(cluster: Cluster) -> None:
    runs(cluster, 0)
    queues = [
        {
            **demand(20, list="l" * 253, processingList="'" * 253)[0],
            "name": f"{'n' * 60}{number}",
        }
        for number in range(8)
    ]
    cluster.declare(demand=queues)
    for second in range(30):
        cluster.now += 1.0
        for queue in queues:
            look = Entries(("x",))
            news = Sample(queue["name"], cluster.now, 0, 1, "x", in_flight_look=look if second else None)
            cluster.readings.published(KEY, news)
        await cluster.look()
    message = condition(cluster)["message"]
    assert condition(cluster)["reason"] == "Orphaned"
    assert len(message) <= MESSAGE_LENGTH
    assert message.endswith("docs/troubleshooting.md has the commands.")


@dataclass
class Worker:
    """Takes one job and never finishes it by itself."""

    name: str
    job: int | None = None

    def begin(self, job: int) -> None:
        self.job = job


@pytest.mark.parametrize("put_back_after", [20, 59, 63])
async def test_an_orphan_that_an_idle_worker_takes_up_between_two_polls_is_not_hit_by_a_stop(
    cluster: Cluster, put_back_after: int
) -> None:
    """A job may take 60 s, and its entry is called orphaned 60 s after the first worker took it."""
    redis = MemoryRedis(lambda: cluster.now)
    queue, dead, idle = LmoveWire(redis, 0.0), Worker("dead"), Worker("idle")
    source = DemandSource.model_validate(demand(60)[0])
    watch = Watch(KEY, source.name, 0.5, queue_of(source), cluster.readings.published)
    session = RedisSession(cast(Any, MemoryWire(redis)), 2.0)
    runs(cluster, 1)
    cluster.declare(demand=demand(60), scaleToZero={"mode": "Fixed", "idleSeconds": 5})

    async def poll(seconds: int) -> None:
        for _ in range(2 * seconds):
            cluster.now += 0.5
            (outcome,) = await session.read([cast(Any, watch.queue)])
            assert not isinstance(outcome, SourceFailure)
            watch.report(outcome, cluster.now, session.server_id)
            await cluster.look()
            cluster.follow_scale()

    queue.wait(dead)
    queue.put(1)
    queue.end(dead)
    queue.wait(idle)
    await poll(put_back_after)
    queue.put_back(lambda name: name != dead.name, 0.0)
    assert (dead.job, idle.job) == (1, 1)
    await poll(59)
    assert cluster.scales.replicas["worker"] == 1, "the worker was stopped in the middle of the job"
    await poll(15)
    assert cluster.scales.replicas["worker"] == 0, "a job takes no longer than that"
    assert redis.unknown == set()
