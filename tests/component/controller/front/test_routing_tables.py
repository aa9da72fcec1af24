"""What leaders tell the activators: failovers, clocks that differ, frozen activators."""

import pytest

from poolkeeper.core.front.routing import FOREIGN_TABLE_SECONDS
from poolkeeper.core.front.slot_grants import MOST_UNCONFIRMED
from poolkeeper.kube.objects.scale import Scale
from tests.component.controller.front.http_fakes import Link, holding
from tests.component.controller.front.http_scene import ONE, OTHER, POD, HttpScene

pytestmark = pytest.mark.virtual_time


def keep_up(scene: HttpScene) -> None:
    """The pool `chat` has one ready replica, and is to have it."""
    scene.decides(scene.declare(ready=[POD]), 1)


async def lead(scene: HttpScene) -> None:
    """The leader runs, and keeps the pool `chat` up."""
    keep_up(scene)
    scene.start()
    await scene.settle()


async def test_a_new_leader_holds_for_a_pool_whose_spec_it_can_not_read(scene: HttpScene) -> None:
    await scene.guarded()
    before = scene.slice()
    assert before is not None
    other = scene.succeed()
    broken = other.body(generation=2)
    broken["spec"]["replicas"] = "many"
    other.exists(broken)
    other.updates.pool_seen(broken)
    other.start()
    await other.pass_by(12)
    route = other.links[ONE].route()
    assert route is not None
    assert [port.listen_port for port in route.ports] == [before.ports[0][1]]
    assert other.slice() == before


async def test_a_new_leader_sends_nothing_before_it_knows_all_pools(scene: HttpScene) -> None:
    await scene.guarded()
    before = scene.slice()
    scene.add_service("chat-2")
    other = scene.succeed()
    other.declare("other", http={"service": "chat-2"})
    sent = len(other.links[ONE].tables)
    other.start()
    await other.settle()
    assert len(other.links[ONE].tables) == sent, "the pool `chat` has not been delivered yet"
    assert other.slice() == before
    other.declare()
    await other.settle()
    route = other.links[ONE].route()
    assert route is not None
    assert before is not None
    assert route.ports[0].listen_port == before.ports[0][1]


async def test_a_pool_that_is_deleted_before_it_is_delivered_is_not_waited_for(scene: HttpScene) -> None:
    scene.exists(scene.body("brief"))
    scene.start()
    await scene.settle()
    assert not scene.links[ONE].tables
    del scene.api.pools["brief"]
    await scene.pass_by(11)
    assert scene.links[ONE].tables


async def test_while_the_kind_is_not_served_nothing_is_known_of_pools(scene: HttpScene) -> None:
    scene.api.serves_pools = False
    scene.start()
    await scene.settle()
    assert not scene.links[ONE].tables
    scene.api.serves_pools = True
    await scene.settle()
    assert scene.links[ONE].tables


async def test_a_new_leader_sends_nothing_before_it_has_asked_for_every_service(scene: HttpScene) -> None:
    await lead(scene)
    other = scene.succeed()
    keep_up(other)
    other.api.answers_for_services.clear()
    sent = len(other.links[ONE].tables)
    other.start()
    await other.settle()
    assert len(other.links[ONE].tables) == sent, "it would name no replica"
    other.api.answers_for_services.set()
    await other.settle()
    assert slots_at(other.links[ONE]) == 8


async def test_while_the_pods_are_unknown_their_idleness_is_too(scene: HttpScene) -> None:
    await scene.guarded()
    pool = scene.declare(ready=[POD], generation=2)
    pool.target.scale = None
    await scene.pass_by(1)
    assert not scene.may_stop()
    pool.target.scale = Scale(
        replicas=1, current_replicas=1, selector="app=x", resource_version="1", uid="uid"
    )
    await scene.pass_by(1)
    assert scene.may_stop()


async def test_tables_of_a_leader_whose_clock_is_behind_are_taken(scene: HttpScene) -> None:
    await scene.guarded()
    other = scene.succeed()
    other.now -= 3600.0
    link = other.links[ONE]
    other.declare()
    old = link.table_version
    other.start()
    await other.settle()
    assert link.tables[-1].table_version > old
    assert link.table_version == link.tables[-1].table_version


async def test_a_higher_number_of_somebody_else_confirms_nothing(scene: HttpScene) -> None:
    await scene.guarded()
    link = scene.links[ONE]
    link.send_mode = "fail"
    link.says(table_version=link.table_version + 10**9)
    await scene.pass_by(1)
    assert not scene.may_stop(), "it follows a table of another leader, which may name replicas"
    link.send_mode = "take"
    await scene.pass_by(2)
    assert scene.may_stop()


async def test_a_new_leader_grants_nothing_while_old_tables_may_be_gone_by(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    await lead(scene)
    assert [slots_at(link) for link in scene.links.values()] == [4, 4]

    other = scene.succeed()
    keep_up(other)
    other.links[OTHER].send_mode = "freeze"
    other.links[ONE].says(pool=holding(requests=20, in_flight=4))
    other.start()
    await other.settle()
    assert slots_at(other.links[ONE]) == 4, "the other one may use its four slots"
    await other.pass_by(FOREIGN_TABLE_SECONDS + 1)
    assert slots_at(other.links[ONE]) == 8, "the table of the old leader is no longer valid"


async def test_once_all_go_by_tables_of_ours_slots_are_shared_anew(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    await lead(scene)
    other = scene.succeed()
    keep_up(other)
    other.links[ONE].says(pool=holding(requests=20))
    other.start()
    await other.settle()
    assert [slots_at(link) for link in other.links.values()] == [8, 0]


def slots_at(link: Link) -> int:
    """What the activator may have at the pod, by the table that it took last."""
    route = link.route()
    assert route is not None
    return sum(replica.slots for replica in route.replicas)


async def test_a_frozen_activator_holds_up_nobody_and_takes_no_room(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    scene.declare(ready=[POD])
    scene.start()
    await scene.settle()
    scene.links[OTHER].send_mode, scene.links[OTHER].attempts = "freeze", 0
    for number in range(1, 6):
        scene.declare(ready=[POD], generation=1 + number, http={"heartbeatSeconds": number})
        await scene.settle()
        route = scene.links[ONE].route()
        assert route is not None
        assert route.heartbeat_seconds == number
    assert scene.links[OTHER].attempts == 1, "one send at a time"
    assert scene.tables_kept(OTHER) <= 3, "in force, on its way, and the latest"


async def test_failed_sends_are_tried_again_and_take_no_room(scene: HttpScene) -> None:
    scene.declare(ready=[POD])
    scene.start()
    await scene.settle()
    link = scene.links[ONE]
    link.send_mode = "fail"
    link.attempts = 0
    await scene.pass_by(9)
    assert link.attempts > MOST_UNCONFIRMED
    assert scene.tables_kept(ONE) <= MOST_UNCONFIRMED
    link.send_mode = "take"
    await scene.settle()
    assert link.table_version == link.tables[-1].table_version
