"""Pods that wait for a node or an image: what events say of them, and how often they are asked for."""

import math

import pytest

from poolkeeper.api.status import AcceleratorPoolStatus, AdmissionCause
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.commands.explain import explanation
from poolkeeper.controller.reporting.pool_metrics import PoolCollector
from poolkeeper.kube.objects.pod_events import PodEvent
from poolkeeper.kube.transport.errors import ApiError
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
)

pytestmark = pytest.mark.virtual_time

LONELY = (
    "0/12 nodes are available: 12 Insufficient nvidia.com/gpu. preemption: 0/12 nodes are available: 12 No"
)
SCALED = PodEvent("TriggeredScaleUp", "triggered scale-up: [{l4 1->2 (max: 5)}]", "ca", math.inf, "worker-1")


async def test_a_node_that_is_made_is_no_trouble_for_15_minutes(cluster: FakeCluster) -> None:
    await asked(cluster)
    lonely = pod_of(cluster, conditions=unscheduled(LONELY))
    await show(cluster, lonely)
    assert cluster.asked_for_events == [], "a node is found within a moment, or not"
    assert "0/12 nodes: 12 Insufficient nvidia.com/gpu)" in message_of(cluster)
    cluster.pod_events = [SCALED]
    await show(cluster, lonely, seconds=4.0)
    assert cluster.condition("StartsSucceed") == ("Unknown", "NodeProvisioning")
    assert "the cluster autoscaler makes a node: [{l4 1->2 (max: 5)}]" in message_of(cluster)
    await show(cluster, lonely, seconds=600.0)
    assert cluster.condition("StartsSucceed") == ("Unknown", "NodeProvisioning")
    await show(cluster, lonely, seconds=301.0)
    assert cluster.condition("StartsSucceed") == ("False", "NodeProvisioning")
    assert cluster.condition("WithinLimits") == ("False", "NotAdmitted")


async def test_the_words_of_kueue_stand_beside_its_gate(cluster: FakeCluster) -> None:
    await asked(cluster)
    gated = pod_of(cluster, spec=GATED)
    cluster.pod_events = [
        PodEvent("Pending", "no unused quota in flavor l4", "kueue", math.inf, "pod-worker-1-a1b2c")
    ]
    await show(cluster, gated)
    await show(cluster, gated, seconds=4.0)
    assert cluster.condition("StartsSucceed") == ("Unknown", "SchedulingGated")
    await show(cluster, gated, seconds=60.0)
    assert "gate kueue.x-k8s.io/admission. Kueue says: no unused quota in flavor l4" in message_of(cluster)


async def test_an_image_that_is_pulled_for_long_is_named_and_part_of_the_start(cluster: FakeCluster) -> None:
    await asked(cluster)
    pulling = pod_of(cluster, spec=ON_NODE)
    cluster.pod_events = [PodEvent("Pulling", 'Pulling image "vllm:1"', "kubelet", cluster.now, "worker-1")]
    await show(cluster, pulling)
    assert decided(cluster)[0] == "Late"
    for _ in range(12):
        await show(cluster, pulling)
    pool = cluster.store.all()[0]
    assert pool.decision is not None
    assert pool.decision.reason == "PullingImage"
    assert 'pod worker-1: the image "vllm:1" has been pulled since 13:46:40 UTC' in pool.decision.message
    assert pool.state is not None
    assert not pool.state.admission.waiting


async def test_events_of_a_pod_that_waits_are_asked_for_less_and_less_often(cluster: FakeCluster) -> None:
    await asked(cluster)
    lonely = pod_of(cluster, conditions=unscheduled(LONELY))
    for _ in range(600):
        await show(cluster, lonely)
    assert 9 <= len(cluster.asked_for_events) <= 17


async def test_events_that_may_not_be_read_stop_nothing(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.pod_events = ApiError(403, "Forbidden", "events is forbidden")
    await asked(cluster)
    lonely = pod_of(cluster, conditions=unscheduled(LONELY))
    for _ in range(100):
        await show(cluster, lonely)
    assert cluster.condition("StartsSucceed") == ("Unknown", "Unschedulable")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert (
        warnings.count("It can't be read what the events of a pod that waits say: events is forbidden") == 1
    )


async def test_no_events_are_asked_for_while_another_replica_leads(cluster: FakeCluster) -> None:
    await asked(cluster)
    cluster.lease.is_held = False
    lonely = pod_of(cluster, conditions=unscheduled(LONELY))
    for _ in range(20):
        await show(cluster, lonely)
    assert cluster.asked_for_events == []


async def test_a_wait_that_is_over_is_shown_apart_from_the_starts(cluster: FakeCluster) -> None:
    await asked(cluster, coldStart={"budgetSeconds": 100, "start": "Immediately"})
    gated = pod_of(cluster, spec=GATED)
    for _ in range(61):
        await show(cluster, gated, seconds=60.0)
    admitted = {"type": "PodScheduled", "status": "True", "lastTransitionTime": format_timestamp(cluster.now)}
    on_node = pod_of(cluster, spec=ON_NODE, conditions=[admitted])
    await show(cluster, on_node)
    for _ in range(9):
        await show(cluster, on_node, seconds=2.0)
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": format_timestamp(cluster.now)}
    up = pod_of(cluster, spec=ON_NODE, containerStatuses=RUNNING, conditions=[admitted, ready])
    await show(cluster, up)
    await show(cluster, up, queued=0)
    await show(cluster, up, seconds=61.0, queued=0)
    status = AcceleratorPoolStatus.model_validate(cluster.statuses.written[-1])
    assert status.cold_start is not None
    assert status.cold_start.p50_seconds == 19
    assert status.cold_start.admission is not None
    (waits,) = status.cold_start.admission
    assert (waits.cause, waits.waits, waits.p50_seconds) == (AdmissionCause.GATE, 1, 3661)
    shown = explanation("ns/chat", status)
    assert "WAITS FOR ADMISSION (last ones)  P50     P95" in shown
    assert "a scheduling gate (1)            3661 s  3661 s" in shown
    collector = PoolCollector(cluster.store.all, lambda: True, lambda: 0, cluster.clock)
    (family,) = (each for each in collector.collect() if each.name == "poolkeeper_pool_admission_seconds")
    assert {(each.labels["cause"], each.labels["quantile"]): each.value for each in family.samples} == {
        ("gate", "0.5"): 3661.0,
        ("gate", "0.95"): 3661.0,
    }
    assert status.promise is not None
    assert "late: 1 by admission (gate)" in (status.promise.last_day or "")


async def test_a_new_leader_goes_on_with_the_waits_that_were_learned(
    cluster: FakeCluster,
) -> None:
    await asked(cluster)
    lonely = pod_of(cluster, conditions=unscheduled(LONELY))
    cluster.pod_events = [SCALED]
    for _ in range(5):
        await show(cluster, lonely, seconds=30.0)
    cluster.scales.replicas["worker"] = 0
    await show(cluster, queued=0)
    await show(cluster, seconds=61.0, queued=0)
    standby = FakeCluster()
    standby.now = cluster.now
    standby.lease.is_held = False
    standby.scales.replicas["worker"] = 0
    standby.declare()
    standby.publish(0)
    await standby.look()
    standby.declare(status=cluster.statuses.written[-1])
    standby.lease.is_held = True
    standby.readings.leadership_changed(is_leading=True)
    standby.publish(0)
    await standby.look()
    pool = standby.store.all()[0]
    assert pool.state is not None
    assert pool.state.admission.short is not None
    assert pool.state.admission.short.cause is AdmissionCause.PROVISIONING
