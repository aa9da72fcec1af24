"""Starts that can't succeed: what users read about them, and that it stays until one succeeds."""

import pytest

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.front.coming import ready_in_seconds, start_trouble
from poolkeeper.controller.pool.refusals import SHORT_SECONDS
from poolkeeper.core.learning.starts.attempts import Attempts
from poolkeeper.kube.objects.refused_pods import refusal
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster
from tests.component.controller.waiting_pods import (
    GATED,
    ON_NODE,
    RUNNING,
    asked,
    decided,
    message_of,
    pod_of,
    show,
    unscheduled,
    waiting,
)

pytestmark = pytest.mark.virtual_time

QUOTA = 'pods "worker-1" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
WEBHOOK = 'admission webhook "policy.example.com" denied the request:\n  no'


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ImagePullBackOff", "CreateContainerConfigError"])
async def test_a_container_that_can_not_run_is_named_with_what_to_look_at(
    cluster: FakeCluster, reason: str
) -> None:
    await asked(cluster)
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting(reason)))
    assert cluster.condition("StartsSucceed") == ("False", reason)
    assert f"pod worker-1, container model: {reason}" in message_of(cluster)
    assert "kubectl describe pod worker-1 -n ns" in message_of(cluster)
    assert ("--previous" in message_of(cluster)) == (reason == "CrashLoopBackOff")
    assert decided(cluster)[0] == "StartsFailing"
    assert reason in decided(cluster)[1]
    assert cluster.events.count(("Warning", reason)) == 1


async def test_a_probe_that_never_passes_is_overdue_and_starts_no_second_replica(
    cluster: FakeCluster,
) -> None:
    await asked(cluster)
    running = pod_of(cluster, spec=ON_NODE, containerStatuses=RUNNING, phase="Running")
    for _ in range(40):
        await show(cluster, running, seconds=30.0)
    assert cluster.condition("StartsSucceed") == ("False", "ReadinessOverdue")
    assert "a container runs, but the pod is not Ready. Check the readiness probe" in message_of(cluster)
    assert "it passes too late if the replica already works" in message_of(cluster)
    assert cluster.scales.writes == [("worker", 1)]
    assert cluster.events.count(("Warning", "ReadinessOverdue")) == 1


@pytest.mark.parametrize(("message", "reason"), [(QUOTA, "QuotaExceeded"), (WEBHOOK, "AdmissionRefused")])
async def test_a_refused_pod_is_explained_in_the_words_of_the_api_server(
    cluster: FakeCluster, message: str, reason: str
) -> None:
    cluster.refusal = refusal(message, cluster.now)
    await asked(cluster)
    await show(cluster)
    assert cluster.asked_for_refusals == [], "its controller needs a moment"
    await show(cluster, seconds=SHORT_SECONDS + 1.0)
    assert cluster.condition("StartsSucceed") == ("False", reason)
    assert " ".join(message.split()) in message_of(cluster)
    assert decided(cluster)[0] == "AwaitingAdmission"
    assert reason in decided(cluster)[1]


async def test_a_gate_is_named_and_becomes_trouble_after_minutes(cluster: FakeCluster) -> None:
    await asked(cluster)
    gated = pod_of(cluster, spec=GATED)
    await show(cluster, gated)
    assert cluster.condition("StartsSucceed") == ("Unknown", "SchedulingGated")
    assert "kueue.x-k8s.io/admission" in message_of(cluster)
    assert decided(cluster)[0] == "AwaitingAdmission"
    await show(cluster, gated, seconds=301.0)
    assert cluster.condition("StartsSucceed") == ("False", "SchedulingGated")
    assert cluster.events.count(("Warning", "SchedulingGated")) == 1


async def test_a_pod_without_a_node_is_explained_in_the_words_of_the_scheduler(cluster: FakeCluster) -> None:
    await asked(cluster)
    lonely = pod_of(
        cluster, conditions=unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    )
    await show(cluster, lonely)
    assert cluster.condition("StartsSucceed") == ("Unknown", "Unschedulable")
    assert "3 Insufficient nvidia.com/gpu). Add a node" in message_of(cluster)


async def test_a_pod_that_holds_the_name_of_the_next_one_is_named(cluster: FakeCluster) -> None:
    await asked(cluster, targetRef={"name": "worker", "kind": "StatefulSet"})
    metadata = {
        "uid": "old",
        "name": "worker-0",
        "namespace": "ns",
        "labels": {"app": "worker"},
        "resourceVersion": "1",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [{"kind": "StatefulSet", "name": "worker", "controller": True}],
    }
    stuck = project_pod({"metadata": metadata})
    await show(cluster, stuck)
    await show(cluster, stuck, seconds=SHORT_SECONDS + 1.0)
    assert cluster.condition("StartsSucceed") == ("False", "OrdinalOccupied")
    assert "worker-0, is still terminating, and should have ended by 2026-01-01T00:00:00Z" in message_of(
        cluster
    )


async def test_what_was_seen_stands_until_a_start_succeeds_also_after_a_restart(cluster: FakeCluster) -> None:
    await asked(cluster)
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting("CrashLoopBackOff")))
    message = message_of(cluster)
    cluster.scales.replicas["worker"] = 0
    await show(cluster, seconds=400.0, queued=0)
    assert cluster.condition("StartsSucceed") == ("False", "CrashLoopBackOff")

    restarted = FakeCluster()
    restarted.now = cluster.now + 5.0
    restarted.scales.replicas["worker"] = 0
    restarted.declare(status=cluster.statuses.written[-1])
    restarted.publish(1)
    await restarted.look()
    assert restarted.condition("StartsSucceed") == ("False", "CrashLoopBackOff")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-12T13:55:00Z"}
    up = pod_of(restarted, spec=ON_NODE, containerStatuses=RUNNING, conditions=[ready])
    await show(restarted, pod_of(restarted, spec=ON_NODE))
    assert message_of(restarted) == message, "an attempt that is under way proves nothing"
    await show(restarted, up)
    assert restarted.condition("StartsSucceed") == ("True", "LastStartSucceeded")


async def test_another_target_has_a_past_of_its_own(cluster: FakeCluster) -> None:
    await asked(cluster)
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting("CrashLoopBackOff")))
    cluster.scales.replicas["other"] = 0
    cluster.declare(generation=2, targetRef={"name": "other"})
    cluster.publish(0)
    await cluster.look()
    assert cluster.condition("StartsSucceed")[0] != "False"


async def test_the_next_attempt_waits_and_says_until_when(cluster: FakeCluster) -> None:
    await asked(cluster)
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting("CrashLoopBackOff")))
    cluster.scales.replicas["worker"] = 0
    cluster.scales.writes.clear()
    await show(cluster, seconds=2.0)
    assert decided(cluster)[0] == "StartsFailing"
    assert "the next one is due at 13:46:51 UTC" in decided(cluster)[1]
    assert cluster.scales.writes == []
    await show(cluster, seconds=9.0)
    assert cluster.scales.writes == [("worker", 1)]


async def test_an_edited_pod_template_is_tried_at_once(cluster: FakeCluster) -> None:
    await asked(cluster)
    pool = cluster.store.all()[0]
    assert pool.state is not None
    pool.state = pool.state._replace(attempts=Attempts(5, cluster.now - 1.0, "ImagePullBackOff"))
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting("ImagePullBackOff")))
    cluster.scales.replicas["worker"] = 0
    cluster.scales.writes.clear()
    for _ in range(30):
        await show(cluster)
    assert cluster.scales.writes == []
    assert decided(cluster)[0] == "StartsFailing"
    reads = len(cluster.looked_around)
    cluster.revision = "2"
    for _ in range(11):
        await show(cluster)
    assert cluster.scales.writes == [("worker", 1)]
    assert len(cluster.looked_around) - reads <= 2


async def test_the_pod_template_of_a_failed_start_is_read_once_where_no_request_waits(
    cluster: FakeCluster,
) -> None:
    await asked(cluster)
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting("CrashLoopBackOff")))
    cluster.scales.replicas["worker"] = 0
    before = len(cluster.looked_around)
    for _ in range(100):
        await show(cluster, queued=0)
    assert len(cluster.looked_around) - before == 2, "the other read asks who has set the replicas to 0"


async def test_nothing_is_asked_while_each_replica_has_its_pod(cluster: FakeCluster) -> None:
    await asked(cluster)
    starting = pod_of(cluster, spec=ON_NODE)
    await show(cluster, starting)
    for _ in range(20):
        await show(cluster, starting, seconds=10.0)
    assert cluster.asked_for_refusals == []


async def test_a_refusal_is_asked_for_less_and_less_often(cluster: FakeCluster) -> None:
    await asked(cluster)
    for _ in range(600):
        await show(cluster)
    times = cluster.asked_for_refusals
    assert 9 <= len(times) <= 17
    assert times[-1] - times[-2] >= 45.0


async def test_a_right_that_is_missing_stops_nothing_and_is_logged_once(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.refusal = ApiError(403, "Forbidden", "events is forbidden")
    await asked(cluster)
    for _ in range(600):
        await show(cluster)
    assert decided(cluster)[0] == "Late"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "It can't be read why pods are not created: events is forbidden"
    ]


async def test_callers_get_the_reason_and_come_back_for_the_next_attempt(
    cluster: FakeCluster,
) -> None:
    await asked(cluster)
    pool = cluster.store.all()[0]
    assert (start_trouble(pool), ready_in_seconds(pool, cluster.now)) == ("", None)
    await show(cluster, pod_of(cluster, spec=ON_NODE, containerStatuses=waiting("CrashLoopBackOff")))
    assert start_trouble(pool) == "pod worker-1: CrashLoopBackOff"
    assert ready_in_seconds(pool, cluster.now) == 10.0
    cluster.scales.replicas["worker"] = 0
    assert pool.state is not None
    pool.state = pool.state._replace(attempts=pool.state.attempts._replace(failed=4))
    await show(cluster, seconds=1.0)
    assert start_trouble(pool) == "CrashLoopBackOff", "the pod is gone"
    assert ready_in_seconds(pool, cluster.now) == 80.0
    assert ready_in_seconds(pool, cluster.now + 35.0) == 50.0


@pytest.mark.parametrize(("message", "expected"), [(QUOTA, "QuotaExceeded"), (WEBHOOK, "AdmissionRefused")])
async def test_callers_learn_nothing_of_quotas_and_policies_but_that_they_refuse(
    cluster: FakeCluster, message: str, expected: str
) -> None:
    cluster.refusal = refusal(message, cluster.now)
    await asked(cluster)
    await show(cluster)
    await show(cluster, seconds=SHORT_SECONDS + 1.0)
    assert start_trouble(cluster.store.all()[0]) == expected


EVICTED = {"phase": "Failed", "reason": "Evicted"}


async def test_an_idle_pool_whose_pods_are_evicted_again_and_again_stops(cluster: FakeCluster) -> None:
    await asked(cluster)
    number, age = 0, 0.0
    loading = pod_of(cluster, "worker-0", spec=ON_NODE, containerStatuses=RUNNING, phase="Running")
    lingering: list[Pod] = []
    for second in range(600):
        await show(cluster, *lingering, loading, queued=int(second < 10))
        if not cluster.scales.replicas["worker"]:
            break
        age += 1.0
        if age >= 30.0:
            lingering.append(pod_of(cluster, f"worker-{number}", spec=ON_NODE, **EVICTED))
            number, age = number + 1, 0.0
            name = f"worker-{number}"
            loading = pod_of(cluster, name, spec=ON_NODE, containerStatuses=RUNNING, phase="Running")
    assert cluster.scales.writes == [("worker", 1), ("worker", 0)]
    assert number == 1
    assert cluster.condition("StartsSucceed") == ("False", "Evicted")
    cluster.scales.writes.clear()
    await show(cluster, *lingering, seconds=2.0)
    assert decided(cluster)[0] == "StartsFailing"
    assert "failed (Evicted), so the next one is due at" in decided(cluster)[1]
    assert cluster.scales.writes == []


async def test_each_eviction_while_requests_wait_is_an_attempt_until_one_gets_ready(
    cluster: FakeCluster,
) -> None:
    await asked(cluster)
    lingering: list[Pod] = []
    for number in range(4):
        name = f"worker-{number}"
        loading = pod_of(cluster, name, spec=ON_NODE, containerStatuses=RUNNING, phase="Running")
        for _ in range(10):
            await show(cluster, *lingering, loading)
        lingering.append(pod_of(cluster, name, spec=ON_NODE, **EVICTED))
    state = cluster.store.all()[0].state
    assert state is not None
    assert state.attempts.failed == 3
    assert cluster.scales.writes == [("worker", 1)], "no replica is started beside it"
    assert cluster.condition("StartsSucceed") == ("False", "Evicted")
    assert "pod worker-1, instead of pod worker-0, which ended before it was ready: Evicted" in message_of(
        cluster
    )
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": format_timestamp(cluster.now)}
    up = pod_of(cluster, "worker-3", spec=ON_NODE, containerStatuses=RUNNING, conditions=[ready])
    await show(cluster, *lingering[:3], up)
    assert cluster.condition("StartsSucceed") == ("True", "LastStartSucceeded")


async def test_a_pod_that_was_evicted_before_the_operator_began_spoils_no_start(cluster: FakeCluster) -> None:
    old = pod_of(cluster, "worker-0", spec=ON_NODE, **EVICTED)
    cluster.now += 100.0
    cluster.pods.present = {old.uid: old}
    await asked(cluster)
    await show(cluster, old, pod_of(cluster, spec=ON_NODE, containerStatuses=RUNNING, phase="Running"))
    assert cluster.condition("StartsSucceed")[0] != "False"
