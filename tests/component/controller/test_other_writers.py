"""Beside another writer of the replicas: how often the operator writes, what it leaves alone, and what it
says."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.contest import QUIET_SECONDS
from poolkeeper.kube.objects.managed_fields import UNNOTED, ReplicaWriter
from poolkeeper.kube.transport.errors import ApiUnreachable
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

ARGO = ReplicaWriter("argocd-controller", "Apply", "", 1_000_007.0)
KUBECTL = ReplicaWriter("kubectl", "Update", "scale", 1_000_000.0)
OURS = ReplicaWriter("poolkeeper", "Update", "scale", 1_000_000.0)
PATIENT: dict[str, Any] = {
    "scaleToZero": {"mode": "Fixed", "idleSeconds": 60},
    "replicas": {"min": 0, "max": 5},
}


def ready_pod(number: int, now: float) -> Pod:
    at = format_timestamp(now)
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": at}
    metadata = {
        "uid": f"pod-{number}",
        "name": f"pod-{number}",
        "namespace": "ns",
        "resourceVersion": "1",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
        "labels": {"app": "worker"},
        "creationTimestamp": at,
    }
    container = {"name": "worker", "readinessProbe": {"exec": {}}}
    running = {"name": "worker", "state": {"running": {"startedAt": at}}}
    status = {"phase": "Running", "conditions": [ready], "containerStatuses": [running]}
    return project_pod({"metadata": metadata, "spec": {"containers": [container]}, "status": status})


def sync_pods(cluster: FakeCluster) -> None:
    """Every replica has a ready pod; pods of replicas that are gone are gone too."""
    wanted = {f"pod-{number}" for number in range(cluster.scales.replicas["worker"])}
    known = cluster.pods.present
    if wanted != set(known):
        made = {uid: known.get(uid) or ready_pod(int(uid[4:]), cluster.now) for uid in sorted(wanted)}
        cluster.pods.present = made
        cluster.readings.pods_changed("ns", made)


async def seconds_pass(
    cluster: FakeCluster, seconds: int, queued: int = 0, in_flight: int = 0
) -> list[tuple[float, int]]:
    """A look each second. Returns when the operator wrote, and what."""
    began, writes = cluster.now, list[tuple[float, int]]()
    for _ in range(seconds):
        cluster.now += 1.0
        sync_pods(cluster)
        cluster.publish(queued, in_flight)
        before = len(cluster.scales.writes)
        await cluster.look()
        writes += [(cluster.now - began, replicas) for _, replicas in cluster.scales.writes[before:]]
        sync_pods(cluster)
    return writes


async def look_at(cluster: FakeCluster, found: int, **changes: Any) -> None:
    """The first look at a pool whose target has this many ready replicas."""
    cluster.scales.replicas["worker"] = found
    cluster.declare(**PATIENT | changes)
    sync_pods(cluster)
    cluster.publish(0)
    await cluster.look()
    sync_pods(cluster)


def set_by(cluster: FakeCluster, writer: ReplicaWriter, replicas: int) -> None:
    """Another writer sets the replicas."""
    cluster.scales.replicas["worker"], cluster.writers = replicas, (writer,)


def message(cluster: FakeCluster) -> str:
    (pool,) = cluster.store.all()
    assert pool.decision is not None
    return pool.decision.message


def status(cluster: FakeCluster) -> dict[str, Any]:
    return cluster.statuses.written[-1]


async def war(cluster: FakeCluster, seconds: int, every: int = 7) -> list[float]:
    """A tool sets the replicas back to 1 every few seconds, while 25 jobs of ten minutes wait. Returns when
    the operator wrote."""
    writes = []
    for second in range(0, seconds, every):
        made = await seconds_pass(cluster, every, queued=24, in_flight=1)
        writes += [second + at for at, _ in made]
        if cluster.scales.replicas["worker"] != 1:
            set_by(cluster, ARGO, 1)
    return writes


async def test_beside_a_tool_that_applies_the_replicas_again_and_again_writes_become_rare(
    cluster: FakeCluster,
) -> None:
    await look_at(cluster, 1)
    writes = await war(cluster, 600)
    assert len(writes) <= 6
    pauses = [later - earlier for earlier, later in pairwise(writes)]
    assert pauses[0] < 15.0  # The first change by another writer is no conflict.
    assert all(pause >= 60.0 for pause in pauses[1:])
    assert pauses == sorted(pauses)


async def test_meanwhile_the_pool_is_not_ready_and_names_the_tool(cluster: FakeCluster) -> None:
    await look_at(cluster, 1)
    await war(cluster, 40)
    for condition in ("Ready", "SoleWriter"):
        assert cluster.condition(condition) == ("False", "ReplicasChangedElsewhere")
    assert message(cluster).startswith("no write before ")
    assert "argocd-controller (Apply) keeps changing the replicas; 5 replicas are wanted" in message(cluster)
    messages = {each["type"]: each["message"] for each in status(cluster)["conditions"]}
    assert "RespectIgnoreDifferences=true" in messages["SoleWriter"]
    assert "at most once in 60 s, not before" in messages["Ready"]
    assert ("Normal", "ReplicasChangedElsewhere") in cluster.events


async def test_a_held_write_is_made_when_the_pause_is_over_although_nothing_happens(
    cluster: FakeCluster,
) -> None:
    await look_at(cluster, 1)
    await war(cluster, 21)
    (pool,) = cluster.store.all()
    assert pool.decision is not None
    assert pool.decision.reason == "HeldBack"
    assert pool.quiet_until <= (pool.decision.due_at or 0.0)
    cluster.now = pool.quiet_until
    cluster.publish(24, 1)
    await cluster.look()
    assert cluster.scales.replicas["worker"] == 5


async def test_a_held_stop_waits_as_well(cluster: FakeCluster) -> None:
    """The tool wants one replica that no request needs: each round is at least the idle time long."""
    await look_at(cluster, 1, scaleToZero={"mode": "Fixed", "idleSeconds": 5})
    stops = []
    for _ in range(600):
        stops += [cluster.now for _ in await seconds_pass(cluster, 1)]
        if cluster.scales.replicas["worker"] == 0:
            set_by(cluster, ARGO, 1)
    pauses = [later - earlier for earlier, later in pairwise(stops)]
    assert len(stops) <= 6
    assert all(pause >= 60.0 for pause in pauses[1:])


async def test_once_the_tool_is_quiet_all_is_well_again(cluster: FakeCluster) -> None:
    await look_at(cluster, 1)
    await war(cluster, 21)
    await seconds_pass(cluster, 120, queued=20, in_flight=1)
    await seconds_pass(cluster, 560, queued=0, in_flight=5)
    assert cluster.condition("Ready") == ("True", "Managed")
    assert cluster.condition("SoleWriter") == ("True", "NoOtherWriter")


async def test_a_pool_that_is_only_observed_after_a_war_is_looked_at_as_rarely_as_any_other(
    cluster: FakeCluster,
) -> None:
    await look_at(cluster, 1)
    await war(cluster, 21)
    cluster.declare(generation=2, mode="Observe", **PATIENT)
    cluster.now += 2 * QUIET_SECONDS
    await cluster.look()
    (pool,) = cluster.store.all()
    assert pool.quiet_until > cluster.now


async def test_a_restart_of_the_operator_does_not_begin_the_war_again(cluster: FakeCluster) -> None:
    await look_at(cluster, 1)
    await war(cluster, 126)
    restarted = FakeCluster()
    restarted.now, restarted.writers = cluster.now, (ARGO,)
    await look_at(restarted, 1, status=status(cluster))
    writes = await war(restarted, 600)
    assert len(writes) <= 3
    assert restarted.condition("Ready") == ("False", "ReplicasChangedElsewhere")
    assert "argocd-controller (Apply)" in message(restarted)


async def test_a_standby_that_takes_over_repeats_what_was_said_of_a_writer(cluster: FakeCluster) -> None:
    """After a write of 0 the API server names no writer any more, and nobody has changed anything since."""
    standby = FakeCluster()
    standby.lease.is_held = False
    for each in (standby, cluster):
        await look_at(each, 1)
    await war(cluster, 126)
    said = {each["type"]: each for each in status(cluster)["conditions"]}
    metadata = {"namespace": "ns", "name": "pool", "uid": "uid-pool", "generation": 1}
    standby.now, standby.writers = cluster.now, (UNNOTED,)
    standby.updates.pool_seen({"metadata": metadata, "status": status(cluster)})
    await seconds_pass(standby, 1)
    standby.lease.is_held = True
    standby.readings.leadership_changed(is_leading=True)
    await seconds_pass(standby, 1)
    now = {each["type"]: each for each in status(standby)["conditions"]}
    assert now["SoleWriter"]["message"] == said["SoleWriter"]["message"]
    assert now["Ready"]["message"].startswith("argocd-controller (Apply) keeps changing the replicas")
    assert standby.events == []
    await seconds_pass(standby, 2)
    set_by(standby, KUBECTL, 2)
    await seconds_pass(standby, 1)
    (pool,) = standby.store.all()
    sole_writer = pool.history.conditions["SoleWriter"].message
    assert sole_writer.startswith("kubectl (scale) keeps changing the replicas")


async def test_the_status_does_not_name_a_time_that_is_over_for_the_next_write(cluster: FakeCluster) -> None:
    await look_at(cluster, 1)
    await war(cluster, 21)
    set_by(cluster, ARGO, 0)
    await seconds_pass(cluster, 200)
    ready = next(each for each in status(cluster)["conditions"] if each["type"] == "Ready")
    assert ready["reason"] == "ReplicasChangedElsewhere"
    assert "not before" not in ready["message"]


async def test_one_change_is_no_conflict(cluster: FakeCluster) -> None:
    await look_at(cluster, 1)
    await war(cluster, 8)
    assert cluster.condition("Ready") == ("True", "Managed")
    assert cluster.scales.replicas["worker"] == 1


async def test_the_writer_is_read_only_when_the_replicas_have_changed(cluster: FakeCluster) -> None:
    await look_at(cluster, 0)
    read = len(cluster.looked_around)
    await seconds_pass(cluster, 200)
    assert len(cluster.looked_around) == read
    set_by(cluster, KUBECTL, 2)
    await seconds_pass(cluster, 20)
    # The pod template is read again too, since an autoscaler may have been created.
    assert len(cluster.looked_around) <= read + 2


async def test_a_number_set_by_hand_stands_for_its_idle_time(cluster: FakeCluster) -> None:
    await look_at(cluster, 0)
    await seconds_pass(cluster, 300)
    set_by(cluster, KUBECTL, 2)
    assert await seconds_pass(cluster, 55) == []
    assert message(cluster).startswith(
        "2 replicas, set by kubectl (scale) at 13:51:41 UTC, have been idle for"
    )
    ((stopped_at, replicas),) = await seconds_pass(cluster, 20)
    assert (replicas, stopped_at <= 10.0) == (0, True)
    assert cluster.condition("SoleWriter") == ("True", "NoOtherWriter")


async def test_replicas_that_are_found_stand_for_their_idle_time(cluster: FakeCluster) -> None:
    await look_at(cluster, 3)
    assert await seconds_pass(cluster, 58) == []
    assert message(cluster).startswith(
        "3 replicas, found when the pool was first seen at 13:46:40 UTC, have been idle"
    )
    ((_, replicas),) = await seconds_pass(cluster, 10)
    assert replicas == 0


async def test_replicas_that_are_found_with_a_writer_name_it(cluster: FakeCluster) -> None:
    cluster.writers = (ReplicaWriter("helm", "Update", "", None),)
    await look_at(cluster, 3)
    assert "found when the pool was first seen at 13:46:40 UTC, set by helm (Update), have" in message(
        cluster
    )


async def test_found_above_the_ceiling_the_rest_stays_for_its_idle_time(cluster: FakeCluster) -> None:
    await look_at(cluster, 7, scaleToZero={"mode": "Fixed", "idleSeconds": 30})
    writes = await seconds_pass(cluster, 70)
    assert [replicas for _, replicas in writes] == [5, 0]


async def test_fewer_than_the_demand_needs_are_started_again(cluster: FakeCluster) -> None:
    await look_at(cluster, 5)
    set_by(cluster, KUBECTL, 1)
    ((_, replicas),) = await seconds_pass(cluster, 5, queued=20, in_flight=1)
    assert replicas == 5


@pytest.mark.parametrize(
    ("decisions", "found", "writers", "stays"),
    [
        # Our own replicas are ours after a restart: they have been idle for long.
        (["0→3 StartAtOnce", "3 Idle"], 3, (OURS,), False),
        (["0→3 StartAtOnce"], 2, (KUBECTL,), False),
        (["3 Busy", "3 Idle"], 3, (), False),
        # What another writer set before or during the restart is not.
        (["2→0 StopIdle", "3 Idle"], 3, (KUBECTL,), True),
        (["2→0 StopIdle"], 3, (KUBECTL,), True),
        (["1 Busy", "3 Busy"], 3, (KUBECTL,), True),
        # The leader before wrote, and ended before the status was written.
        (["2→0 StopIdle"], 3, (OURS,), False),
        # A writer that can't be read is no reason to stop.
        (["2→0 StopIdle"], 3, (), True),
    ],
)
async def test_after_a_restart_only_what_no_decision_explains_is_foreign(
    cluster: FakeCluster, decisions: list[str], found: int, writers: Iterable[ReplicaWriter], stays: bool
) -> None:
    lines = [f"{format_timestamp(cluster.now - 5.0)} {each}: as it was" for each in decisions]
    cluster.writers = tuple(writers)
    await look_at(cluster, found, status={"decisions": lines})
    (pool,) = cluster.store.all()
    assert (pool.target.foreign is not None) is stays
    assert ("set by" in message(cluster)) is stays


async def test_the_idle_time_of_foreign_replicas_goes_on_over_a_restart(cluster: FakeCluster) -> None:
    await look_at(cluster, 0)
    set_by(cluster, KUBECTL, 2)
    await seconds_pass(cluster, 40)
    restarted = FakeCluster()
    restarted.now, restarted.writers = cluster.now, (KUBECTL,)
    await look_at(restarted, 2, status=status(cluster))
    assert "set by kubectl (scale) at 13:46:41 UTC" in message(restarted)


async def test_a_standby_that_takes_over_goes_on_where_the_leader_was(cluster: FakeCluster) -> None:
    """It has noted what it would have decided: to stop the replicas, and to write whenever work waits."""
    standby = FakeCluster()
    standby.lease.is_held = False
    await look_at(standby, 0)
    await look_at(cluster, 0)
    for each in (standby, cluster):
        set_by(each, KUBECTL, 2)
        await seconds_pass(each, 40)
    metadata = {"namespace": "ns", "name": "pool", "uid": "uid-pool", "generation": 1}
    standby.updates.pool_seen({"metadata": metadata, "status": status(cluster)})
    await seconds_pass(standby, 1)
    standby.lease.is_held, standby.writers = True, (KUBECTL,)
    standby.readings.leadership_changed(is_leading=True)
    assert await seconds_pass(standby, 15) == []
    assert message(standby).startswith("2 replicas, set by kubectl (scale) at 13:46:41 UTC, have been idle")


async def test_past_decisions_say_nothing_about_another_target(cluster: FakeCluster) -> None:
    await look_at(cluster, 5)
    await seconds_pass(cluster, 10, in_flight=5)
    cluster.scales.replicas["other"] = 3
    cluster.declare(generation=2, targetRef={"name": "other"}, **PATIENT)
    cluster.publish(0)
    await cluster.look()
    (pool,) = cluster.store.all()
    assert pool.target.foreign is not None
    assert pool.target.foreign.is_found


async def test_times_in_the_future_hold_nothing_up(cluster: FakeCluster) -> None:
    """Such as those of a clock that was wrong."""
    later = format_timestamp(cluster.now + 1e6)
    contested = {"type": "SoleWriter", "status": "False", "reason": "ReplicasChangedElsewhere"}
    past = {
        "decisions": [f"{later} 2→0 StopIdle: as it was", f"{later} 3 Idle: as it was"],
        "conditions": [{**contested, "message": "", "lastTransitionTime": later}],
    }
    await look_at(cluster, 3, status=past)
    ((written_at, replicas),) = await seconds_pass(cluster, 90)
    assert (replicas, written_at <= 70.0) == (0, True)


async def test_a_write_without_an_answer_is_not_taken_for_a_foreign_one(cluster: FakeCluster) -> None:
    await look_at(cluster, 0)
    cluster.scales.write_failures.append(ApiUnreachable("ApiTimeout", "no answer"))
    await seconds_pass(cluster, 1, queued=3)
    cluster.scales.replicas["worker"] = 3  # It has happened nevertheless.
    await seconds_pass(cluster, 5, in_flight=3)
    (pool,) = cluster.store.all()
    assert pool.target.foreign is None
    assert ("Normal", "ReplicasChangedElsewhere") not in cluster.events


async def test_in_mode_observe_nothing_is_foreign_until_the_pool_is_enforced(cluster: FakeCluster) -> None:
    await look_at(cluster, 2, mode="Observe")
    await seconds_pass(cluster, 100)
    (pool,) = cluster.store.all()
    assert pool.target.foreign is None
    cluster.declare(generation=2, **PATIENT)
    assert await seconds_pass(cluster, 30) == []
    assert pool.target.foreign is not None
