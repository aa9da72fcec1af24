"""When status and events are written: on changes, and never for nothing."""

import json

import pytest

from hack.testing.control_plane import ROOT
from poolkeeper.controller.pool.history import SAME_REASON_SECONDS
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.learning.saved import PREFIX, restore
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.transport.errors import NoScaleSubresource, TargetForbidden, TargetMissing
from poolkeeper.kube.watch.pod import project_pod
from tests.component.controller.fake_cluster import FakeCluster

LEARNING = ROOT / "tests" / "unit" / "core" / "learning"
VERSION_1 = json.loads((LEARNING / "saved_version_1.json").read_text())
SPEC = PoolSpec(max_replicas=2, budget_seconds=1.0)

pytestmark = pytest.mark.virtual_time


async def settled(cluster: FakeCluster) -> None:
    """An idle pool at zero that has said everything."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    cluster.publish(0)
    await cluster.look()


async def test_a_new_pool_is_told_about_at_once(cluster: FakeCluster) -> None:
    await settled(cluster)
    (status,) = cluster.statuses.written
    assert status["decision"]["reason"] == "AtZero"
    assert {each["type"] for each in status["conditions"]} >= {"Ready", "DemandKnown", "ScaledToZero"}
    assert len(status["learned"]) <= 4096


async def test_a_queue_longer_than_a_status_can_tell_is_answered_and_explained(cluster: FakeCluster) -> None:
    await settled(cluster)
    cluster.now += 1.0
    cluster.publish(10**18, in_flight=2**62)
    await cluster.look()
    assert cluster.scales.writes
    status = cluster.statuses.written[-1]
    assert status["demand"] == {"queued": 2**31 - 1, "inFlight": 2**31 - 1}
    assert f"queued {2**31 - 1}, in flight {2**31 - 1}" in status["decisions"][-1]


async def test_an_idle_pool_writes_nothing_more(cluster: FakeCluster) -> None:
    await settled(cluster)
    for _ in range(3_600):
        cluster.now += 2.0
        cluster.publish(0)
        await cluster.look()
    assert len(cluster.statuses.written) == 1


async def test_an_idle_pool_that_is_read_as_before_is_not_even_decided(cluster: FakeCluster) -> None:
    await settled(cluster)
    before = cluster.decisions()
    for _ in range(200):
        cluster.now += 1.0
        cluster.publish(0)
        await cluster.look()
    assert cluster.decisions() - before <= 3


async def test_an_idle_pool_whose_queue_falls_silent_is_unknown_in_time(cluster: FakeCluster) -> None:
    await settled(cluster)
    cluster.now += 20.0
    await cluster.look()
    assert cluster.condition("DemandKnown") == ("False", "Stale")
    cluster.publish(0)
    await cluster.look()
    assert cluster.condition("DemandKnown")[0] == "True"


async def test_an_operator_that_restarts_repeats_nothing(cluster: FakeCluster) -> None:
    await settled(cluster)
    restarted = FakeCluster()
    restarted.now = cluster.now + 100.0
    restarted.scales.replicas["worker"] = 0
    restarted.declare(status=cluster.statuses.written[0])
    restarted.publish(0)
    await restarted.look()
    assert restarted.statuses.written == []
    assert restarted.events == []


async def test_a_status_of_the_version_before_is_converted_in_one_write(cluster: FakeCluster) -> None:
    decided = {"replicas": 0, "reason": "AtZero", "message": "nothing waits", "at": "2026-01-01T00:00:00Z"}
    status = {"learned": VERSION_1, "decisions": [{**decided, "queued": 0, "inFlight": 0, "ready": 0}]}
    cluster.scales.replicas["worker"] = 0
    cluster.declare(status=status)
    for _ in range(100):
        cluster.publish(0)
        await cluster.look()
        cluster.now += 2.0
    (written,) = cluster.statuses.written
    assert written["decisions"] == ["2026-01-01T00:00:00Z 0 AtZero (starting ?): nothing waits"]
    assert written["coldStart"]["samples"] == VERSION_1["startCounts"][0]
    assert written["coldStart"]["containersP50Seconds"] == 11
    state = restore(written["learned"], cluster.now, SPEC)
    assert tuple(state.starts.seconds) == tuple(each / 1000 for each in VERSION_1["startMilliseconds"])


@pytest.mark.parametrize("learned", [7, 1.5, True, [1], "x", {"version": 3}])
async def test_a_value_of_another_client_in_the_status_is_replaced(
    cluster: FakeCluster, learned: object
) -> None:
    """The schema names no type for it, and the pool is scaled as any other."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare(status={"learned": learned, "decisions": [learned]})
    cluster.publish(3)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]
    assert cluster.statuses.written[-1]["learned"].startswith(PREFIX)


async def test_changed_numbers_are_written_once_a_minute(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 2
    cluster.declare(replicas={"min": 3, "max": 3})
    for second in range(300):
        cluster.publish(15 + second % 3)
        await cluster.look()
        cluster.now += 1.0
    assert 5 <= len(cluster.statuses.written) <= 10


async def test_a_condition_that_turns_is_an_event_and_so_is_its_recovery(cluster: FakeCluster) -> None:
    cluster.declare()
    await cluster.look()
    assert ("Warning", "TargetMissing") in cluster.events
    cluster.scales.replicas["worker"] = 0
    cluster.now += 60.0
    cluster.publish(0)
    await cluster.look()
    assert ("Normal", "Managed") in cluster.events
    before = len(cluster.events)
    await cluster.look()
    assert len(cluster.events) == before


UNREADABLE = {
    "TargetForbidden": TargetForbidden("may not read it"),
    "TargetMissing": TargetMissing("is not there"),
    "NoScaleSubresource": NoScaleSubresource("has none"),
}


async def look_a_minute_later(cluster: FakeCluster) -> None:
    """A look that reads the target, however often that has failed before."""
    cluster.now += 75.0
    cluster.readings.leadership_changed(is_leading=True)
    cluster.publish(0)
    await cluster.look()


async def look_at_unreadable_target(cluster: FakeCluster, reason: str) -> None:
    """A look a minute later, at a target that can't be read for this reason."""
    cluster.scales.read_failures.append(UNREADABLE[reason])
    await look_a_minute_later(cluster)
    assert cluster.condition("Ready") == ("False", reason)


def warnings(cluster: FakeCluster) -> list[str]:
    """The reasons of warnings, without those about demand."""
    return [reason for kind, reason in cluster.events if kind == "Warning" and reason in UNREADABLE]


async def test_another_reason_for_the_same_status_is_an_event_at_once_and_once(cluster: FakeCluster) -> None:
    cluster.declare()
    for reason in ("TargetMissing", "TargetMissing", "TargetForbidden", "TargetForbidden"):
        await look_at_unreadable_target(cluster, reason)
    assert warnings(cluster) == ["TargetMissing", "TargetForbidden"]


async def test_another_reason_for_a_good_status_is_no_warning(cluster: FakeCluster) -> None:
    await settled(cluster)
    cluster.now += 60.0
    cluster.declare(generation=2, mode="Observe")
    cluster.publish(0)
    await cluster.look()
    assert cluster.events == [("Normal", "Observed")]


async def test_reasons_that_alternate_for_hours_are_no_storm_of_events(cluster: FakeCluster) -> None:
    cluster.declare()
    for _ in range(60):
        for reason in ("TargetMissing", "TargetForbidden"):
            await look_at_unreadable_target(cluster, reason)
    warned = warnings(cluster)
    assert warned[:2] == ["TargetMissing", "TargetForbidden"]
    assert 4 <= len(warned) <= 2 * (1 + 120 * 75.0 / SAME_REASON_SECONDS)


async def test_the_reason_that_remains_is_told_in_the_end(cluster: FakeCluster) -> None:
    cluster.declare()
    for reason in ("TargetMissing", "TargetForbidden", *["TargetMissing"] * 20):
        await look_at_unreadable_target(cluster, reason)
    assert warnings(cluster) == ["TargetMissing", "TargetForbidden", "TargetMissing"]


async def test_a_reason_that_is_told_again_and_again_keeps_no_other_from_being_told(
    cluster: FakeCluster,
) -> None:
    cluster.declare()
    for reason in ("TargetMissing", "TargetForbidden", "TargetMissing", "NoScaleSubresource"):
        await look_at_unreadable_target(cluster, reason)
    assert warnings(cluster) == ["TargetMissing", "TargetForbidden", "NoScaleSubresource"]


async def test_another_reason_after_a_restart_is_told_and_the_same_is_not(cluster: FakeCluster) -> None:
    cluster.declare()
    await look_at_unreadable_target(cluster, "TargetMissing")
    restarted = FakeCluster()
    restarted.now = cluster.now
    restarted.declare(status=cluster.statuses.written[-1])
    for reason in ("TargetMissing", "TargetForbidden"):
        await look_at_unreadable_target(restarted, reason)
    assert warnings(restarted) == ["TargetForbidden"]


async def test_a_status_that_turns_is_told_however_often(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    for _ in range(3):
        await look_at_unreadable_target(cluster, "TargetForbidden")
        await look_a_minute_later(cluster)
        assert cluster.condition("Ready") == ("True", "Managed")
    assert warnings(cluster) == ["TargetForbidden"] * 3


async def test_a_pod_that_can_not_start_is_told_about_once_also_after_a_restart(cluster: FakeCluster) -> None:
    await settled(cluster)
    waiting = {"name": "model", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    metadata = {
        "uid": "a",
        "name": "worker-a",
        "namespace": "ns",
        "labels": {"app": "worker"},
        "resourceVersion": "1",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
    }
    stuck = project_pod({"metadata": metadata, "status": {"containerStatuses": [waiting]}})
    for _ in range(2):
        cluster.pods.present = {"a": stuck}
        cluster.readings.pods_changed("ns", cluster.pods.present)
        await cluster.look()
        cluster.now += 120.0
    restarted = FakeCluster()
    restarted.now, restarted.events, restarted.pods.present = cluster.now, cluster.events, {"a": stuck}
    restarted.scales.replicas["worker"] = 1
    restarted.declare(status=cluster.statuses.written[-1])
    restarted.publish(0)
    await restarted.look()
    assert cluster.events.count(("Warning", "StartFailed")) == 1
    assert cluster.statuses.written[-1]["coldStart"]["failed"] == 1


async def test_the_last_twenty_decisions_are_kept(cluster: FakeCluster) -> None:
    await settled(cluster)
    for _ in range(30):
        cluster.now += 0.5
        cluster.publish(3)
        await cluster.look()
        cluster.scales.replicas["worker"] = 0
        cluster.now += 400.0
        cluster.publish(0)
        await cluster.look()
    pool = cluster.store.get(cluster.declare())
    assert isinstance(pool, Pool)
    assert len(pool.history.records) == 20


async def test_nothing_in_a_status_grows_without_bound(cluster: FakeCluster) -> None:
    await settled(cluster)
    assert len(json.dumps(cluster.statuses.written[-1])) < 16_384


async def test_the_first_look_at_a_pool_warns_of_nothing(cluster: FakeCluster) -> None:
    """Its queue is not read yet, which is no failure."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    await cluster.look()
    assert cluster.condition("DemandKnown") == ("Unknown", "NotReadYet")
    cluster.publish(0)
    await cluster.look()
    assert cluster.condition("DemandKnown") == ("True", "Fresh")
    assert cluster.events == []
