"""Who answers a Service: slices, when activators join and leave, and when a pool may stop."""

import asyncio
from dataclasses import replace

import pytest

from poolkeeper.controller.front import endpoints as http_endpoints
from poolkeeper.core.front.switching import SETTLE_SECONDS
from tests.component.controller.front.http_fakes import ready_pod
from tests.component.controller.front.http_scene import CHAT, ONE, OTHER, POD, QUICK, HttpScene

pytestmark = pytest.mark.virtual_time

FEW_TURNS = replace(QUICK, turn_at_most_every=0.05)


async def test_no_stop_before_every_activator_holds_what_arrives(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    scene.declare(ready=[POD])
    scene.start()
    await scene.settle()
    scene.links[OTHER].send_mode = "take without a word"
    await scene.pass_by(SETTLE_SECONDS + 3)
    first, late = scene.links[ONE].route(), scene.links[OTHER].route()
    assert first is not None
    assert late is not None
    assert (first.replicas, late.replicas) == ((), ())
    assert not scene.may_stop(), "the other may still pass requests on"
    scene.links[OTHER].says(table_version=scene.links[OTHER].tables[-1].table_version)
    await scene.pass_by(1)
    assert scene.may_stop()


@pytest.mark.parametrize("scene", [FEW_TURNS], indirect=True)
async def test_a_ready_replica_is_told_at_once_whatever_the_endpoints_wait_for(scene: HttpScene) -> None:
    await scene.guarded()
    scene.api.answers_for_slices.clear()
    scene.add_service("other")
    scene.declare("other", http={"service": "other"})
    await scene.settle()
    assert scene.links[ONE].route("other") is not None, "its slice is being written by now"
    pool = scene.store.get(CHAT)
    assert pool is not None
    scene.decides(pool, 1)
    scene.http.heard()
    await asyncio.sleep(0.01)
    pool.pods = (ready_pod(POD), ready_pod("10.1.0.2"))
    scene.http.pods_changed("ns")
    await asyncio.sleep(0.01)
    route = scene.links[ONE].route()
    assert route is not None
    assert [replica.address for replica in route.replicas] == [POD, "10.1.0.2"]
    assert all(replica.slots for replica in route.replicas)


async def test_activators_stay_until_a_pod_is_an_endpoint_in_their_place(scene: HttpScene) -> None:
    """Kubernetes' controller may make it one later than we hear that it is ready."""
    await scene.guarded()
    scene.api.makes_endpoints = False
    pool = scene.store.get(CHAT)
    assert pool is not None
    scene.decides(pool, 1)
    await scene.pass_by(2)
    route = scene.links[ONE].route()
    assert route is not None
    assert route.redirects_to_pods
    assert scene.slice() is not None, "or nobody would answer the Service"
    scene.api.makes_endpoints = True
    await scene.settle(3 * http_endpoints.RETRY_SECONDS)
    assert scene.slice() is None


async def test_slices_listed_for_an_earlier_term_are_read_anew(scene: HttpScene) -> None:
    """What was listed then need not be what the leader in between has left."""
    await scene.guarded()
    scene.api.answers_for_slices.clear()
    scene.now += http_endpoints.SLICES_READ_EVERY_SECONDS
    await scene.settle()
    scene.lease.is_held = False
    await scene.settle()
    scene.api.slices.clear()
    scene.lease.is_held = True
    await scene.settle()
    scene.api.answers_for_slices.set()
    await scene.settle(2 * http_endpoints.RETRY_SECONDS)
    assert scene.slice() is not None, "it was put back"


async def test_clients_settle_anew_after_a_slice_was_gone(scene: HttpScene) -> None:
    """However soon it is put back: until they follow, they go to a pod that is about to stop."""
    await scene.guarded()
    scene.api.slices.clear()
    while scene.slice() is None:
        await scene.pass_by(1)
    for _ in range(round(SETTLE_SECONDS) - 1):
        assert not scene.may_stop()
        await scene.pass_by(1)
    await scene.pass_by(3)
    assert scene.may_stop()


async def test_nothing_stops_by_slices_that_can_not_be_read(scene: HttpScene) -> None:
    await scene.guarded()
    scene.api.answers_for_slices.clear()
    await scene.pass_by(http_endpoints.BELIEVED_SECONDS - 10)
    assert scene.may_stop()
    await scene.pass_by(11)
    assert not scene.may_stop()
    scene.api.answers_for_slices.set()
    await scene.pass_by(SETTLE_SECONDS + 3)
    assert scene.may_stop()


async def test_a_service_that_changes_hands_keeps_its_slice(scene: HttpScene) -> None:
    """Its new pool comes first in the round, and the one before it must not delete what that has written."""
    scene.add_service("chat-2")
    scene.declare("younger", created=2)
    scene.declare(created=1)
    scene.start()
    await scene.settle()
    before = scene.slice()
    assert before is not None
    assert before.pool == CHAT
    scene.lease.is_held = False
    await scene.settle()
    scene.declare(created=1, generation=2, http={"service": "chat-2"})
    scene.lease.is_held = True
    await scene.pass_by(3)
    assert ("DELETE", before.name) not in scene.api.written
    after = scene.slice()
    assert after is not None
    assert after.pool.name == "younger"


async def test_a_service_that_can_not_be_read_keeps_its_port(scene: HttpScene) -> None:
    await scene.guarded()
    before = scene.slice()
    assert before is not None
    del scene.api.services["chat"]
    other = scene.succeed()
    other.declare()
    other.start()
    await other.settle()
    route = other.links[ONE].route()
    assert route is not None
    assert (route.ports[0].listen_port, route.replicas) == (before.ports[0][1], ())
    assert other.slice() == before


async def test_slices_that_are_refused_are_asked_for_ever_less_often_and_warned_of_once(
    scene: HttpScene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.api.hides_slices = True
    scene.declare(ready=[POD])
    scene.start()
    await scene.settle(2.0)
    assert scene.api.slices_refused in range(2, 5), "after 0.5, 1 and 2 s at most, less a random half"
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [
        "The activators' endpoints can't be brought up to date: may not list endpointslices"
    ]
    scene.api.hides_slices = False
    await scene.settle(4.0)
    assert scene.slice() is not None, "the right was granted meanwhile"
