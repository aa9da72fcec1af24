"""Pools behind Services: edits, pools that collide, and what counts as demand."""

from dataclasses import replace

import pytest

from poolkeeper.controller.pool.surroundings import UNREAD, Surroundings
from poolkeeper.core.values.ledger import Sample
from poolkeeper.kube.objects.conflicts import Scaler
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.scrape import PoolLoad
from tests.component.controller.front.http_fakes import holding
from tests.component.controller.front.http_scene import CHAT, ONE, OTHER, PLACED, POD, HttpScene

pytestmark = pytest.mark.virtual_time

UNREADABLE = SourceFailure("MetricsUnreadable", "no metrics")


async def test_an_edit_of_the_source_keeps_port_and_switch(scene: HttpScene) -> None:
    await scene.guarded()
    before, written = scene.slice(), list(scene.api.written)
    scene.declare(ready=[POD], generation=2, http={"heartbeatSeconds": 5})
    assert not scene.may_stop(), "a zero is looked for again"
    await scene.settle()
    route = scene.links[ONE].route()
    assert route is not None
    assert (route.heartbeat_seconds, route.replicas) == (5, ())
    assert (scene.slice(), scene.api.written) == (before, written)
    await scene.pass_by(1)
    assert scene.may_stop()


async def test_without_turns_nothing_stops(scene: HttpScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that fails does not end the operator, so the outcome of an earlier one must not stay."""
    await scene.guarded()
    monkeypatch.setattr("poolkeeper.controller.front.http_front.turn", None)
    await scene.settle()
    assert scene.waits_for() == "FrontFailed"
    monkeypatch.undo()
    await scene.settle(2.0)
    assert scene.may_stop()


async def test_another_service_is_another_matter(scene: HttpScene) -> None:
    await scene.guarded()
    scene.add_service("other")
    scene.declare(ready=[POD], generation=2, http={"service": "other"})
    await scene.settle()
    assert not scene.may_stop()
    assert (scene.slice(), scene.slice("other") is not None) == (None, True)


async def test_a_spec_that_can_not_be_read_changes_nothing(scene: HttpScene) -> None:
    await scene.guarded()
    before = scene.slice()
    broken = scene.body(generation=2)
    broken["spec"]["replicas"] = "many"
    scene.updates.pool_seen(broken)
    await scene.pass_by(12)
    route = scene.links[ONE].route()
    assert route is not None
    assert route.hold_seconds == 60
    assert scene.slice() == before
    assert not scene.may_stop()

    scene.add_activator(OTHER)
    await scene.settle()
    now = scene.slice()
    assert now is not None
    assert now.addresses == (ONE, OTHER), "who is in the path stays reachable"


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
    assert not scene.may_stop(younger.key)
    written = len(scene.api.written)
    await scene.pass_by(12)
    assert len(scene.api.written) == written, "they do not take turns"

    del scene.api.pools["chat"]
    scene.updates.pool_gone(CHAT, "uid-chat")
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
        scaler = Scaler(
            kind="HorizontalPodAutoscaler",
            name="rival",
            target_group="apps",
            target_kind="Deployment",
            target_name="worker",
        )
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


async def test_a_replica_that_is_not_ready_any_more_is_still_asked_for_its_requests(scene: HttpScene) -> None:
    """Its probe fails while it has much to do: clients that it answers go on being answered."""
    pool = scene.declare(ready=[POD])
    (busy,) = pool.pods
    pool.pods = (replace(busy, is_ready=False, ready_at=None, unready_at=60.0, is_running=True),)
    scene.servers.load = PoolLoad(0, {POD: 1}, False)
    scene.start()
    await scene.settle()
    assert scene.servers.asked == (POD,)
    assert scene.demand() == (0, 1)
    route = scene.links[ONE].route()
    assert route is not None
    assert route.replicas == ()


async def test_activity_of_the_servers_changes_the_marker(scene: HttpScene) -> None:
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    scene.servers.load = PoolLoad(0, {POD: 8}, True)
    scene.start()
    await scene.settle(0.5)
    markers = [each.in_flight_marker for each in scene.published if isinstance(each, Sample)]
    assert len(markers) > 2
    assert len(set(markers)) == len(markers), "the requests in flight are others each time"
    scene.servers.load = PoolLoad(0, {POD: 8}, False)
    scene.published.clear()
    await scene.settle(0.5)
    rest = {each.in_flight_marker for each in scene.published[1:] if isinstance(each, Sample)}
    assert len(rest) == 1


async def test_held_requests_are_demand_though_a_server_can_not_be_read(scene: HttpScene) -> None:
    pool = scene.declare(ready=[POD])
    scene.decides(pool, 1)
    scene.servers.load = PoolLoad(0, {POD: 5}, False)
    scene.start()
    await scene.settle()
    scene.servers.problem = UNREADABLE
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
    before, table_version = scene.slice(), scene.links[ONE].table_version
    assert before is not None
    for _ in range(5):
        scene.now += 3600.0
        await scene.settle()
    assert scene.slice() == before, "it stays where requests arrive"
    assert scene.links[ONE].table_version > table_version, "its table is renewed"
    assert scene.demand() == (0, 0)
    scene.links[ONE].says(pool=holding(requests=1))
    await scene.settle()
    assert scene.demand() == (1, 0)
