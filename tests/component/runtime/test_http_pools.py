"""The leader and the activators: edits, failovers, clocks, frozen activators, pools that collide."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from poolkeeper.core.ledger import Sample
from poolkeeper.core.slot_leases import MOST_UNCONFIRMED
from poolkeeper.core.switching import SETTLE_SECONDS
from poolkeeper.kube.conflicts import Scaler
from poolkeeper.kube.scale import Scale
from poolkeeper.runtime import activators, http_endpoints, http_pool, http_pools
from poolkeeper.runtime.surroundings import PLACED, UNREAD, Surroundings
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.metrics_scrape import PoolLoad
from tests.component.runtime.http_scene import CHAT, HttpScene, Link, Servers, holding, ready_pod

ONE, OTHER = "10.9.0.1", "10.9.0.2"
POD = "10.1.0.1"
UNREADABLE = SourceFailure("MetricsUnreadable", "no metrics")


@pytest_asyncio.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpScene]:
    """One activator, and the Service `chat`; nothing runs yet."""
    made = HttpScene()
    scenes.append(made)

    def link(address: str, *arguments: Any) -> Link:
        return made.links.setdefault(address, Link(address, *arguments))

    for module, name, value in (
        (activators, "ActivatorLink", link),
        (activators, "LOOK_EVERY_SECONDS", 0.02),
        (http_pool, "ModelServers", Servers),
        (http_pools, "TURN_AT_MOST_EVERY_SECONDS", 0.002),
        (http_pools, "TURN_AT_LEAST_EVERY_SECONDS", 0.02),
        (http_pools, "READ_AT_MOST_EVERY_SECONDS", 0.002),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(Servers, "load", PoolLoad(0, {}, False))
    monkeypatch.setattr(Servers, "problem", None)
    made.add_activator(ONE)
    made.add_service()
    yield made
    for each in scenes:
        each.close()
    scenes.clear()


scenes: list[HttpScene] = []


def succeed(scene: HttpScene) -> HttpScene:
    """Another leader instead of this one."""
    scene.close()
    other = scene.take_over()
    scenes.append(other)
    return other


async def guarded(scene: HttpScene) -> None:
    """The pool `chat` idles with one replica, and may be stopped."""
    scene.declare(ready=[POD])
    scene.start()
    await scene.settle()
    await scene.pass_by(SETTLE_SECONDS + 2)
    assert scene.http.may_stop(CHAT)


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
    assert not scene.http.may_stop(CHAT), "the other may still pass requests on"
    scene.links[OTHER].says(issue=scene.links[OTHER].tables[-1].issue)
    await scene.pass_by(1)
    assert scene.http.may_stop(CHAT)


async def test_a_ready_replica_is_told_at_once_whatever_the_endpoints_wait_for(
    scene: HttpScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await guarded(scene)
    scene.api.answers_for_slices.clear()
    scene.add_service("other")
    scene.declare("other", http={"service": "other"})
    await scene.settle()
    assert scene.links[ONE].route("other") is not None, "its slice is being written by now"
    monkeypatch.setattr(http_pools, "TURN_AT_MOST_EVERY_SECONDS", 60.0)
    await scene.settle()
    pool = scene.store.get(CHAT)
    assert pool is not None
    scene.decides(pool, 1)
    pool.pods = (ready_pod(POD), ready_pod("10.1.0.2"))
    scene.http.pods_changed("ns")
    await scene.settle()
    route = scene.links[ONE].route()
    assert route is not None
    assert [replica.address for replica in route.replicas] == [POD, "10.1.0.2"]
    assert all(replica.slots for replica in route.replicas)


async def test_activators_stay_until_a_pod_is_an_endpoint_in_their_place(scene: HttpScene) -> None:
    """Kubernetes' controller may make it one later than we hear that it is ready."""
    await guarded(scene)
    scene.api.makes_endpoints = False
    pool = scene.store.get(CHAT)
    assert pool is not None
    scene.decides(pool, 1)
    await scene.pass_by(2)
    route = scene.links[ONE].route()
    assert route is not None
    assert route.leaves_path
    assert scene.slice() is not None, "or nobody would answer the Service"
    scene.api.makes_endpoints = True
    await scene.settle(3 * http_endpoints.RETRY_SECONDS)
    assert scene.slice() is None


async def test_slices_listed_for_an_earlier_term_are_read_anew(scene: HttpScene) -> None:
    """What was listed then need not be what the leader in between has left."""
    await guarded(scene)
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
    await guarded(scene)
    scene.api.slices.clear()
    while scene.slice() is None:
        await scene.pass_by(1)
    for _ in range(round(SETTLE_SECONDS) - 1):
        assert not scene.http.may_stop(CHAT)
        await scene.pass_by(1)
    await scene.pass_by(3)
    assert scene.http.may_stop(CHAT)


async def test_nothing_stops_by_slices_that_can_not_be_read(scene: HttpScene) -> None:
    await guarded(scene)
    scene.api.answers_for_slices.clear()
    await scene.pass_by(http_endpoints.BELIEVED_SECONDS - 10)
    assert scene.http.may_stop(CHAT)
    await scene.pass_by(11)
    assert not scene.http.may_stop(CHAT)
    scene.api.answers_for_slices.set()
    await scene.pass_by(SETTLE_SECONDS + 3)
    assert scene.http.may_stop(CHAT)


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


async def test_an_edit_of_the_source_keeps_port_and_switch(scene: HttpScene) -> None:
    await guarded(scene)
    before, written = scene.slice(), list(scene.api.written)
    scene.declare(ready=[POD], generation=2, http={"heartbeatSeconds": 5})
    assert not scene.http.may_stop(CHAT), "a zero is looked for anew"
    await scene.settle()
    route = scene.links[ONE].route()
    assert route is not None
    assert (route.heartbeat_seconds, route.replicas) == (5, ())
    assert (scene.slice(), scene.api.written) == (before, written)
    await scene.pass_by(1)
    assert scene.http.may_stop(CHAT)


async def test_another_service_is_another_matter(scene: HttpScene) -> None:
    await guarded(scene)
    scene.add_service("other")
    scene.declare(ready=[POD], generation=2, http={"service": "other"})
    await scene.settle()
    assert not scene.http.may_stop(CHAT)
    assert (scene.slice(), scene.slice("other") is not None) == (None, True)


async def test_a_spec_that_can_not_be_read_changes_nothing(scene: HttpScene) -> None:
    await guarded(scene)
    before = scene.slice()
    broken = scene.body(generation=2)
    broken["spec"]["replicas"] = "many"
    scene.intake.pool_seen(broken)
    await scene.pass_by(12)
    route = scene.links[ONE].route()
    assert route is not None
    assert route.hold_seconds == 60
    assert scene.slice() == before
    assert not scene.http.may_stop(CHAT)

    scene.add_activator(OTHER)
    await scene.settle()
    now = scene.slice()
    assert now is not None
    assert now.addresses == (ONE, OTHER), "who is in the path stays reachable"


async def test_a_new_leader_holds_for_a_pool_whose_spec_it_can_not_read(scene: HttpScene) -> None:
    await guarded(scene)
    before = scene.slice()
    assert before is not None
    other = succeed(scene)
    broken = other.body(generation=2)
    broken["spec"]["replicas"] = "many"
    other.exists(broken)
    other.intake.pool_seen(broken)
    other.start()
    await other.pass_by(12)
    route = other.links[ONE].route()
    assert route is not None
    assert [port.listen_port for port in route.ports] == [before.ports[0][1]]
    assert other.slice() == before


async def test_a_new_leader_sends_nothing_before_it_knows_all_pools(scene: HttpScene) -> None:
    await guarded(scene)
    before = scene.slice()
    scene.add_service("chat-2")
    other = succeed(scene)
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
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    scene.start()
    await scene.settle()
    other = succeed(scene)
    pool = other.declare(ready=[POD])
    other.decides(pool, 1)
    other.api.answers_for_services.clear()
    sent = len(other.links[ONE].tables)
    other.start()
    await other.settle()
    assert len(other.links[ONE].tables) == sent, "it would name no replica"
    other.api.answers_for_services.set()
    await other.settle()
    assert slots_at(other.links[ONE]) == 8


async def test_while_the_pods_are_unknown_their_idleness_is_too(scene: HttpScene) -> None:
    await guarded(scene)
    pool = scene.declare(ready=[POD], generation=2)
    pool.target.scale = None
    await scene.pass_by(1)
    assert not scene.http.may_stop(CHAT)
    pool.target.scale = Scale(1, 1, "app=x", "1", "uid")
    await scene.pass_by(1)
    assert scene.http.may_stop(CHAT)


async def test_a_service_that_can_not_be_read_keeps_its_port(scene: HttpScene) -> None:
    await guarded(scene)
    before = scene.slice()
    assert before is not None
    del scene.api.services["chat"]
    other = succeed(scene)
    other.declare()
    other.start()
    await other.settle()
    route = other.links[ONE].route()
    assert route is not None
    assert (route.ports[0].listen_port, route.replicas) == (before.ports[0][1], ())
    assert other.slice() == before


async def test_tables_of_a_leader_whose_clock_is_behind_are_taken(scene: HttpScene) -> None:
    await guarded(scene)
    other = succeed(scene)
    other.now -= 3600.0
    link = other.links[ONE]
    other.declare()
    old = link.issue
    other.start()
    await other.settle()
    assert link.tables[-1].issue > old
    assert link.issue == link.tables[-1].issue


async def test_a_higher_number_of_somebody_else_confirms_nothing(scene: HttpScene) -> None:
    await guarded(scene)
    link = scene.links[ONE]
    link.send_mode = "fail"
    link.says(issue=link.issue + 10**9)
    await scene.pass_by(1)
    assert not scene.http.may_stop(CHAT), "it goes by a table of another leader, which may name replicas"
    link.send_mode = "take"
    await scene.pass_by(2)
    assert scene.http.may_stop(CHAT)


async def test_a_new_leader_grants_nothing_while_old_tables_may_be_gone_by(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    scene.start()
    await scene.settle()
    assert [slots_at(link) for link in scene.links.values()] == [4, 4]

    other = succeed(scene)
    pool = other.declare(ready=[POD])
    other.decides(pool, 1)
    other.links[OTHER].send_mode = "freeze"
    other.links[ONE].says(pool=holding(requests=20, in_flight=4))
    other.start()
    await other.settle()
    assert slots_at(other.links[ONE]) == 4, "the other one may use its four slots"
    await other.pass_by(activators.FOREIGN_TABLE_SECONDS + 1)
    assert slots_at(other.links[ONE]) == 8, "the table of the old leader is no longer valid"


async def test_once_all_go_by_tables_of_ours_slots_are_shared_anew(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    scene.start()
    await scene.settle()
    other = succeed(scene)
    pool = other.declare(ready=[POD])
    other.decides(pool, 1)
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
    frozen = next(each for each in scene.activators.all() if each.link.address == OTHER)
    assert len(frozen.promises._sent) <= 3, "in force, on its way, and the latest"


async def test_failed_sends_are_tried_again_and_take_no_room(scene: HttpScene) -> None:
    scene.declare(ready=[POD])
    scene.start()
    await scene.settle()
    link = scene.links[ONE]
    link.send_mode = "fail"
    link.attempts = 0
    await scene.pass_by(9)
    assert link.attempts > MOST_UNCONFIRMED
    (activator,) = scene.activators.all()
    assert len(activator.promises._sent) <= MOST_UNCONFIRMED
    link.send_mode = "take"
    await scene.settle()
    assert link.issue == link.tables[-1].issue


async def test_of_two_pools_with_one_service_the_older_has_it(scene: HttpScene) -> None:
    younger = scene.declare("young", created=2)
    scene.declare("chat", created=1)
    scene.start()
    await scene.settle()
    owned = scene.slice()
    assert owned is not None
    assert owned.pool == CHAT
    assert younger.service is not None
    assert (younger.service.holds, younger.service.reason) == (False, "ServiceShared")
    assert "pool chat names the same Service" in younger.service.message
    assert not scene.http.may_stop(younger.key)
    written = len(scene.api.written)
    await scene.pass_by(12)
    assert len(scene.api.written) == written, "they do not take turns"

    del scene.api.pools["chat"]
    scene.intake.pool_gone(CHAT, "uid-chat")
    await scene.settle()
    owned = scene.slice()
    assert owned is not None
    assert owned.pool == younger.key


@pytest.mark.parametrize("what", ["autoscaler", "older pool"])
async def test_a_pool_with_a_rival_takes_no_traffic(scene: HttpScene, what: str) -> None:
    pool = scene.declare("young", created=2, targetRef={"name": "worker"})
    scene.start()
    await scene.settle()
    assert scene.slice() is not None
    if what == "autoscaler":
        scaler = Scaler("HorizontalPodAutoscaler", "rival", "apps", "Deployment", "worker")
        pool.surroundings = Surroundings(PLACED, scalers=(scaler,))
    else:
        scene.declare("old", created=1, targetRef={"name": "worker"}, http={"service": "else"})
    await scene.settle()
    assert scene.slice() is None


async def test_nobody_joins_before_rivals_were_looked_for(scene: HttpScene) -> None:
    pool = scene.declare()
    pool.surroundings = Surroundings(placement=UNREAD)
    scene.start()
    await scene.settle()
    assert scene.slice() is None
    pool.surroundings = Surroundings(placement=PLACED)
    await scene.settle()
    assert scene.slice() is not None


async def test_activity_of_the_servers_changes_the_marker(scene: HttpScene) -> None:
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    Servers.load = PoolLoad(0, {POD: 8}, True)
    scene.start()
    await scene.settle(0.5)
    markers = [each.in_flight_marker for each in scene.published if isinstance(each, Sample)]
    assert len(markers) > 2
    assert len(set(markers)) == len(markers), "the requests in flight are others each time"
    Servers.load = PoolLoad(0, {POD: 8}, False)
    scene.published.clear()
    await scene.settle(0.5)
    rest = {each.in_flight_marker for each in scene.published[1:] if isinstance(each, Sample)}
    assert len(rest) == 1


async def test_held_requests_are_demand_though_a_server_can_not_be_read(scene: HttpScene) -> None:
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    Servers.load = PoolLoad(0, {POD: 5}, False)
    scene.start()
    await scene.settle()
    Servers.problem = UNREADABLE
    await scene.settle()
    assert scene.demand() is None, "nothing waits: nothing is known"
    scene.links[ONE].says(pool=holding(requests=3, in_flight=2))
    await scene.settle()
    assert scene.demand() == (3, 5)
    await scene.pass_by(11)
    assert scene.demand() == (3, 2), "what the servers said is too old to be believed"
    scene.links[ONE].says(pool=holding(in_flight=2))
    await scene.settle()
    assert scene.demand() is None, "what passes says nothing of the rest"


async def test_a_silent_activator_hides_no_demand_of_the_others(scene: HttpScene) -> None:
    scene.add_activator(OTHER)
    scene.declare()
    scene.start()
    await scene.settle()
    assert scene.demand() == (0, 0)
    scene.links[OTHER].says(pool=holding(requests=5))
    await scene.settle()
    assert scene.demand() == (5, 0)
    scene.links[OTHER].is_silent = True
    scene.links[OTHER].heard()
    await scene.settle()
    assert scene.demand() is None, "what it holds is not known, which is no zero"
    scene.links[ONE].says(pool=holding(requests=3))
    await scene.settle()
    assert scene.demand() == (3, 0)
    owned = scene.slice()
    assert owned is not None
    assert owned.addresses == (ONE,), "nobody new is sent to it"


async def test_after_hours_at_zero_a_held_request_is_demand_at_once(scene: HttpScene) -> None:
    scene.declare()
    scene.start()
    await scene.settle()
    before, issue = scene.slice(), scene.links[ONE].issue
    assert before is not None
    for _ in range(5):
        scene.now += 3600.0
        await scene.settle()
    assert scene.slice() == before, "it stays where requests arrive"
    assert scene.links[ONE].issue > issue, "its table is renewed"
    assert scene.demand() == (0, 0)
    scene.links[ONE].says(pool=holding(requests=1))
    await scene.settle()
    assert scene.demand() == (1, 0)
