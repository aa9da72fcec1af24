"""What activators are sent: routes, slots and versions of tables, and when."""

from dataclasses import replace

from poolkeeper.core.front.routing import FOREIGN_TABLE_SECONDS, RESEND_SECONDS
from poolkeeper.core.front.slices import by_name
from poolkeeper.core.front.turn import Front, turn
from tests.unit.core.front.builders import (
    CHAT,
    POD,
    pool_report,
    seen,
    seen_activator,
    seen_pool,
)
from tests.unit.core.front.leader import START, Leader, routes, slots


def test_a_new_leader_goes_on_with_the_port_that_a_slice_records(leader: Leader) -> None:
    leader.see()
    (recorded,) = leader.slices.values()
    moved = replace(recorded, ports=(("web", 29_999),))
    made = turn(START, Front(), seen(seen_activator(), slices=by_name([moved])))
    assert routes(made)["chat"].ports[0].listen_port == 29_999
    assert made.front.pools[CHAT].switch is not None


def test_a_pool_of_which_only_the_slice_can_be_read_is_held_for(leader: Leader) -> None:
    leader.see()
    made = turn(
        START,
        Front(),
        seen(seen_activator(), pools={}, slices=leader.slices, unread_pools=frozenset({CHAT})),
    )
    route = routes(made)["chat"]
    assert ([port.service for port in route.ports], route.replicas) == (["chat"], ())
    assert CHAT not in made.endpoints, "its slices stay"


def test_no_table_before_every_service_was_asked_for(leader: Leader) -> None:
    assert leader.see(was_service_asked=False, service=None).tables == {}
    assert slots(leader.see()) == {POD.address: 8}
    assert routes(leader.see(was_service_asked=False, hold_seconds=9)), (
        "once sent, a new pool is not waited for"
    )


def test_a_table_is_sent_when_it_says_something_new_or_gets_old_or_failed(leader: Leader) -> None:
    first = leader.see(wants_zero=False)
    assert leader.see(wants_zero=False, seconds=0.05).tables == {}
    renewed = leader.see(wants_zero=False, seconds=RESEND_SECONDS)
    assert routes(renewed) == routes(first)
    version = renewed.tables["activator-1"].table_version
    assert version > first.tables["activator-1"].table_version
    failed = seen_activator(version=first.tables["activator-1"].table_version, failed_version=version)
    facts = seen(failed, pool=seen_pool(wants_zero=False), slices={})
    assert leader.take(facts).tables, "sending it has failed"
    assert not leader.take(facts).tables, "the next one is on its way"


def test_versions_rise_above_every_one_in_use(leader: Leader) -> None:
    ahead = int((START + 3600) * 1000)
    made = leader.take(seen(seen_activator(version=ahead), slices={}))
    assert made.tables["activator-1"].table_version == ahead + 1


def test_a_new_leader_grants_nothing_while_an_activator_may_use_a_table_of_another() -> None:
    busy = seen_activator(1, version=5, pools=(pool_report(waiting=20, in_flight=4),))
    facts = seen(busy, seen_activator(2, version=5), pool=seen_pool(wants_zero=False), slices={})
    made = turn(START, Front(), facts)
    assert (slots(made, 1), slots(made, 2)) == ({POD.address: 4}, {POD.address: 0})
    later = turn(START + FOREIGN_TABLE_SECONDS, made.front, facts)
    assert slots(later, 1) == {POD.address: 8}


def test_a_pool_without_news_costs_little(leader: Leader) -> None:
    leader.see(wants_zero=False)
    before = leader.see(wants_zero=False).front
    after = leader.see(wants_zero=False, seconds=1.0, idle_seen_at=leader.now).front
    assert after.routes[CHAT] is before.routes[CHAT], "most of a turn's time would go into routes"
    assert after.pools[CHAT] is before.pools[CHAT]
    assert leader.see(wants_zero=False, hold_seconds=9).front.routes[CHAT] is not before.routes[CHAT]
