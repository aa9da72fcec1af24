"""A pool with a fallback: what is written to which target, beside others who write, and over restarts."""

import pytest

from poolkeeper.controller.front.view import ready_pods
from poolkeeper.kube.objects.conflicts import NamespaceScalers
from poolkeeper.kube.objects.managed_fields import ReplicaWriter
from poolkeeper.kube.transport.errors import ScaleConflict, TargetForbidden
from tests.component.controller.fake_cluster import HPA, FakeCluster
from tests.component.controller.two_classes import SPEC, World

pytestmark = pytest.mark.virtual_time


@pytest.fixture
def world(cluster: FakeCluster) -> World:
    return World(cluster)


async def test_the_fallback_starts_where_the_preferred_class_has_no_node_in_time(world: World) -> None:
    await world.seconds_pass(1)
    assert await world.seconds_pass(60, queued=1) == [("worker", 1), ("other", 1)]
    assert world.arms["preferred"]["desired"] == world.arms["big"]["ready"] == 1
    assert any("so 1 replica starts on large" in str(each.message) for each in world.pool.history.records)


async def test_the_class_is_left_alone_and_load_returns_once_it_has_capacity(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(170, queued=1)
    assert await world.seconds_pass(30, in_flight=1) == [("worker", 0)], "it is given back after 3 minutes"
    assert "no capacity since" in world.arms["preferred"]["message"]
    assert await world.seconds_pass(150, in_flight=1) == [], "and left alone"
    assert await world.seconds_pass(60, in_flight=1) == [("worker", 1)], "and tried again"
    world.has_capacity = True
    await world.seconds_pass(5, in_flight=1)
    assert await world.seconds_pass(40) == [("other", 0)], "the dearer one stops once the pool is idle"
    assert "message" not in world.arms["preferred"]


async def test_a_pod_that_both_selectors_match_belongs_to_the_target_that_made_it(world: World) -> None:
    world.cluster.scales.selector = "model=chat"
    await world.seconds_pass(1)
    assert await world.seconds_pass(60, queued=1) == [("worker", 1), ("other", 1)]
    assert [(each.desired, each.ready) for each in world.pool.shown] == [(1, 0), (1, 1)]


async def test_replicas_are_billed_by_the_class_that_they_run_on(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(30, queued=1)
    assert world.pool.meter is not None
    assert [each.unit.accelerator_class for each in world.pool.meter.occupants] == ["large"]


async def test_what_is_known_of_the_classes_outlasts_a_restart(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(190, queued=1)
    assert await world.seconds_pass(100) == [("other", 0)]
    status = world.cluster.statuses.written[-1]

    cluster = FakeCluster()
    cluster.now = world.cluster.now
    after = World(cluster, **{"status": status})
    await after.seconds_pass(1)
    assert await after.seconds_pass(5, queued=1) == [("other", 1)], "the class is known to have no capacity"


async def test_replicas_of_a_fallback_are_our_own_after_a_restart(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(60, queued=1)
    status = world.cluster.statuses.written[-1]

    cluster = FakeCluster()
    cluster.now = world.cluster.now
    after = World(cluster, **{"status": status})
    cluster.scales.replicas["other"] = 1
    await after.seconds_pass(2, in_flight=1)
    assert after.pool.fallbacks[0].target.foreign is None


async def test_after_a_conflict_it_is_read_and_decided_again(world: World) -> None:
    await world.seconds_pass(1)
    world.cluster.scales.write_failures.append(ScaleConflict("changed"))
    assert await world.seconds_pass(1, queued=1) == [("worker", 1)]


async def test_a_refused_write_to_the_fallback_is_said_and_made_again(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(1, queued=1)
    await world.seconds_pass(4, queued=1)
    world.cluster.scales.write_failures.append(TargetForbidden("may not update other"))
    messages = []
    for _ in range(12):
        await world.seconds_pass(1, queued=1)
        messages.append(world.pool.shown[1].message)
        world.cluster.scales.read_failures.extend(
            [TargetForbidden("may not update other")] * (len(messages) == 2)
        )
    assert "the target can't be read or written: may not update other" in messages
    assert world.cluster.scales.replicas == {"worker": 1, "other": 1}


async def test_another_writer_of_the_fallback_is_named_and_left_alone(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(30, queued=1)
    world.cluster.writers = (ReplicaWriter("argocd-controller", "Apply", "", world.cluster.now),)
    for _ in range(4):
        world.cluster.scales.replicas["other"] = 0
        await world.seconds_pass(15, queued=1)
    writes = [each for each in world.cluster.scales.writes if each[0] == "other"]
    assert len(writes) <= 3, "writes become rare"
    assert world.cluster.condition("SoleWriter")[0] == "False"


async def test_an_autoscaler_of_the_fallback_stops_all_writes(world: World) -> None:
    world.cluster.scalers = NamespaceScalers((HPA._replace(target_name="other"),))
    await world.seconds_pass(1)
    assert await world.seconds_pass(30, queued=1) == []
    assert world.cluster.condition("SoleWriter")[0] == "False"


async def test_without_the_lease_nothing_is_written(world: World) -> None:
    world.cluster.lease.is_held = False
    await world.seconds_pass(1)
    assert await world.seconds_pass(30, queued=1) == []


async def test_held_requests_go_to_replicas_of_all_targets(world: World) -> None:
    world.has_capacity = True
    world.cluster.scales.replicas |= {"worker": 1, "other": 1}
    await world.seconds_pass(2, queued=1)
    assert [each.address for each in ready_pods(world.pool, None)] == ["10.0.0.0", "10.0.0.10"]


async def test_fallbacks_that_are_taken_out_are_forgotten(world: World) -> None:
    await world.seconds_pass(1)
    await world.seconds_pass(190, queued=1)
    world.cluster.declare(generation=2, **{**SPEC, "fallbacks": []})
    assert await world.seconds_pass(5, queued=1) == [("worker", 1)]
    assert "arms" not in world.cluster.statuses.written[-1]
    assert ("Normal", "TargetLeft") in world.cluster.events, "its replica goes on"
