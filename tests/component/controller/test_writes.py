"""When the replicas are written, and what an API server that misbehaves does to that."""

from typing import Any

import pytest

from poolkeeper.kube.transport.errors import ApiUnreachable, ScaleConflict, TargetForbidden
from poolkeeper.kube.watch.reflector import NOT_LISTED
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time


async def with_work(cluster: FakeCluster, **changes: Any) -> None:
    """A pool at zero whose queue holds work since the last poll."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare(**changes)
    cluster.publish(0)
    await cluster.look()
    cluster.now += 0.5
    cluster.publish(3)


async def test_work_is_answered_by_one_write(cluster: FakeCluster) -> None:
    await with_work(cluster)
    await cluster.look()
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]


async def test_an_observing_pool_writes_nothing(cluster: FakeCluster) -> None:
    await with_work(cluster, mode="Observe")
    await cluster.look()
    assert cluster.scales.writes == []
    assert cluster.condition("Ready") == ("True", "Observed")


async def test_without_the_lease_nothing_at_all_is_written(cluster: FakeCluster) -> None:
    cluster.lease.is_held = False
    await with_work(cluster)
    await cluster.look()
    assert (cluster.scales.writes, cluster.statuses.written, cluster.events) == ([], [], [])


async def test_a_standby_that_takes_over_acts_at_once(cluster: FakeCluster) -> None:
    cluster.lease.is_held = False
    await with_work(cluster)
    await cluster.look()
    cluster.lease.is_held = True
    cluster.readings.leadership_changed(is_leading=True)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]


async def test_what_somebody_else_wrote_in_between_is_decided_anew(cluster: FakeCluster) -> None:
    await with_work(cluster)
    cluster.scales.write_failures.append(ScaleConflict("changed"))
    cluster.scales.replicas["worker"] = 2
    await cluster.look()
    assert cluster.scales.writes == []


async def test_a_conflict_is_tried_again_over_what_is_there_now(cluster: FakeCluster) -> None:
    await with_work(cluster)
    cluster.scales.write_failures.append(ScaleConflict("changed"))
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]


async def test_a_conflict_that_never_ends_is_given_up_for_now(cluster: FakeCluster) -> None:
    await with_work(cluster)
    cluster.scales.write_failures.extend(ScaleConflict("changed") for _ in range(10))
    assert await cluster.look() is not None
    assert cluster.scales.writes == []


@pytest.mark.parametrize("failure", [TimeoutError(), ApiUnreachable("ApiTimeout", "no answer")])
async def test_a_write_without_an_answer_is_not_repeated_blindly(
    cluster: FakeCluster, failure: Exception
) -> None:
    await with_work(cluster)
    cluster.scales.write_failures.append(failure)
    await cluster.look()
    assert cluster.condition("Ready") == ("Unknown", "ApiTimeout")
    reads = cluster.scales.reads
    cluster.now += 2.0
    cluster.publish(3)
    await cluster.look()
    assert cluster.scales.reads > reads
    assert cluster.scales.writes == [("worker", 2)]


async def test_a_target_that_is_not_granted_is_named_and_looked_at_ever_more_rarely(
    cluster: FakeCluster,
) -> None:
    cluster.scales.read_failures.extend(TargetForbidden("add it to targets") for _ in range(100))
    cluster.declare()
    for _ in range(120):
        await cluster.look()
        cluster.now += 1.0
    assert cluster.condition("Ready") == ("False", "TargetForbidden")
    assert cluster.scales.reads < 12


async def test_replicas_hold_while_the_pods_are_not_known(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 2
    cluster.pods.problem = ApiUnreachable("ApiUnreachable", "no answer")
    cluster.declare()
    for _ in range(20):
        cluster.publish(0)
        await cluster.look()
        cluster.now += 1.0
    assert cluster.scales.writes == []
    assert cluster.condition("Ready") == ("Unknown", "PodsUnknown")


@pytest.mark.parametrize("selector", ["", "app in (", "!"])
async def test_replicas_hold_while_the_target_does_not_say_which_pods_are_its_own(
    cluster: FakeCluster, selector: str
) -> None:
    """Its pods may be at work: they only look as if they had not come up yet."""
    cluster.scales.selector = selector
    cluster.scales.replicas["worker"] = 2
    cluster.declare()
    for _ in range(600):
        cluster.publish(0)
        await cluster.look()
        cluster.now += 1.0
    assert cluster.scales.writes == []
    assert cluster.condition("Ready") == ("False", "SelectorUnknown")


async def test_work_that_came_before_the_pods_were_known_is_answered_once_they_are(
    cluster: FakeCluster,
) -> None:
    """Neither the queue nor the pods, of which there are none, change any more."""
    cluster.pods.problem = NOT_LISTED
    await with_work(cluster)
    await cluster.look()
    cluster.pods.problem = None
    cluster.readings.pods_changed("ns", cluster.pods.present)
    cluster.now += 0.5
    cluster.publish(3)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]


async def test_replicas_hold_while_demand_is_not_known(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 2
    cluster.declare()
    for _ in range(60):
        await cluster.look()
        cluster.now += 1.0
    assert cluster.scales.writes == []
    assert cluster.condition("DemandKnown") == ("Unknown", "NotReadYet")


async def test_the_younger_of_two_pools_with_one_target_writes_nothing(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare("a")
    cluster.declare("b")
    cluster.publish(3, name="b")
    await cluster.look("b")
    assert cluster.scales.writes == []
    assert cluster.condition("SoleWriter", "b") == ("False", "TargetShared")
    cluster.updates.pool_gone(cluster.declare("a"), "uid-a")
    await cluster.look("b")
    assert cluster.scales.writes == [("worker", 2)]


async def test_an_older_pool_that_can_not_be_followed_claims_nothing(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare("a", accelerator={"class": "not-there"})
    cluster.declare("b")
    cluster.publish(3, name="b")
    await cluster.look("b")
    assert cluster.scales.writes == [("worker", 2)]
    cluster.updates.class_seen("not-there", {"spec": {"vendor": "None", "displayName": "CPU"}})
    await cluster.look("b")
    assert cluster.condition("SoleWriter", "b") == ("False", "TargetShared")


async def test_a_pool_of_an_unknown_class_holds_and_goes_on_once_it_is_there(cluster: FakeCluster) -> None:
    accelerator = cluster.store.classes.pop("cpu")
    await with_work(cluster)
    await cluster.look()
    assert cluster.condition("Ready") == ("False", "UnknownClass")
    assert cluster.scales.writes == []
    cluster.updates.class_seen("cpu", {"spec": accelerator.model_dump(by_alias=True, exclude_none=True)})
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]


async def test_a_pool_serves_on_a_class_for_training_only_if_it_says_so(cluster: FakeCluster) -> None:
    training = {"spec": {"vendor": "Google", "displayName": "TPU 8t", "purpose": "Training"}}
    cluster.updates.class_seen("google-tpu-8t", training)
    cluster.scales.replicas["worker"] = 0
    cluster.declare(accelerator={"class": "google-tpu-8t"})
    cluster.publish(3)
    await cluster.look()
    assert cluster.condition("Ready") == ("False", "ClassForTraining")
    assert cluster.scales.writes == []
    cluster.declare(generation=2, accelerator={"class": "google-tpu-8t", "allowTraining": True})
    cluster.publish(3)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]


async def test_a_class_that_becomes_one_for_training_leaves_the_replicas_alone(cluster: FakeCluster) -> None:
    await with_work(cluster)
    await cluster.look()
    assert cluster.scales.writes == [("worker", 2)]
    cluster.updates.class_seen("cpu", {"spec": {"vendor": "x", "displayName": "x", "purpose": "Training"}})
    cluster.publish(9)
    cluster.now += 600.0
    await cluster.look()
    assert cluster.condition("Ready") == ("False", "ClassForTraining")
    assert cluster.scales.writes == [("worker", 2)]


async def test_a_standby_waits_although_replicas_have_no_pods(cluster: FakeCluster) -> None:
    """Why they have none is asked by the leader only."""
    cluster.lease.is_held = False
    cluster.scales.replicas["worker"] = 2
    cluster.declare()
    for _ in range(3):
        cluster.publish(0)
        due_at = await cluster.look()
        assert due_at is not None
        assert due_at > cluster.now
        cluster.now += 5.0
    assert cluster.asked_for_refusals == []


async def test_only_reactions_are_measured(cluster: FakeCluster) -> None:
    """The start counts from the reading that asked for it; the stop after idle time counts not at all."""
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    cluster.publish(0)
    await cluster.look()
    cluster.publish(1)
    cluster.now += 0.25
    await cluster.look()
    assert cluster.scales.writes == [("worker", 1)]
    assert cluster.registry.get_sample_value("poolkeeper_reaction_seconds_sum") == pytest.approx(0.25)
    for _ in range(600):
        cluster.now += 0.5
        cluster.publish(0)
        await cluster.look()
    assert cluster.scales.writes == [("worker", 1), ("worker", 0)]
    assert cluster.registry.get_sample_value("poolkeeper_reaction_seconds_count") == 1.0
