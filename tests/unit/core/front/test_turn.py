"""One turn of the front: who answers, where activators should be, and what a stop waits for."""

from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.core.front.presence import Endpoints, Presence
from poolkeeper.core.front.seen import SeenPod
from poolkeeper.core.front.switching import SETTLE_SECONDS, Phase
from poolkeeper.core.front.turn import Front, turn
from poolkeeper.core.values.observation import CLEAR, Waiting
from tests.unit.core.front.builders import (
    CHAT,
    POD,
    SERVICE,
    pool_report,
    seen,
    seen_activator,
    seen_pool,
)
from tests.unit.core.front.leader import OTHER, START, Leader, routes, slots


def test_the_way_down(leader: Leader) -> None:
    """One lap, with what a stop waits for at each step."""
    first = leader.see()
    assert (leader.reason, first.endpoints[CHAT].presence) == ("Joining", Presence.JOIN)
    assert slots(first) == {POD.address: 8}, "what reaches an activator meanwhile is passed on"

    rewritten = leader.see(seconds=1.0)
    assert (leader.reason, rewritten.review_at) == ("Joining", leader.now), (
        "written since: look again at once"
    )
    settling = leader.see()
    assert (leader.reason, settling.review_at) == ("Settling", leader.now + SETTLE_SECONDS)

    told = leader.see(seconds=SETTLE_SECONDS, idle_seen_at=leader.now + 4.0)
    assert leader.reason == "Holding", "the table is made now"
    assert slots(told) == {}

    confirmed = leader.see(seconds=0.1, idle_seen_at=leader.now)
    assert leader.reason == "Confirming", "the reading began before the activator held what arrives"
    assert confirmed.tables == {}
    leader.see(seconds=0.1, idle_seen_at=None)
    assert leader.reason == "InFlight"

    leader.see(seconds=0.1, idle_seen_at=leader.now + 0.1)
    assert leader.last.stop[CHAT] == CLEAR


def test_the_way_up(leader: Leader) -> None:
    leader.guarded()
    up = leader.see(seconds=0.1, wants_zero=False)
    assert (leader.reason, slots(up), routes(up)["chat"].redirects_to_pods) == (
        "Leaving",
        {POD.address: 8},
        True,
    )
    assert up.endpoints[CHAT].presence is Presence.JOIN, "held requests are let go first"
    left = leader.see(seconds=0.1, wants_zero=False)
    assert (leader.phase, left.endpoints[CHAT].presence) == (Phase.DIRECT, Presence.LEAVE)
    assert left.endpoints[CHAT].after == frozenset({POD.uid}), (
        "not before a pod is an endpoint in their place"
    )


STOPS = [
    ("guarded, and nothing in flight since", {}, {}, ""),
    ("work is seen, or nothing is known", {"idle_seen_at": None}, {}, "InFlight"),
    ("the Service has not been read", {"service": None}, {}, "ServiceUnknown"),
    ("the spec of the pool can't be read", {"is_readable": False}, {}, "ServiceUnknown"),
    ("another autoscaler has the target", {"takes_part": False}, {}, "NotWriting"),
    ("other scalers have not been looked for", {"takes_part": None}, {}, ""),
    ("work arrives", {"wants_zero": False}, {}, "Leaving"),
    ("the slice was written again", {"slice_writes": 99}, {}, "Joining"),
    ("the slice is gone", {}, {"slices": {}}, "Joining"),
    ("the slices have not been read for long", {}, {"are_slices_recent": False}, "Joining"),
    ("another leader has to read them first", {}, {"slices": None}, "EndpointsUnread"),
    ("another replica of the operator leads", {}, {"is_leading": False}, "NotLeading"),
]


@pytest.mark.parametrize(
    ("pool", "facts", "reason"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS]
)
def test_what_a_stop_waits_for(
    leader: Leader, pool: dict[str, Any], facts: dict[str, Any], reason: str
) -> None:
    leader.guarded()
    leader.now += 1.0
    changed = seen_pool(**{"idle_seen_at": leader.now, "slice_writes": leader.writes} | pool)
    activator = seen_activator(version=leader.versions[1])
    usual: dict[str, Any] = {"pool": changed, "slices": dict(leader.slices)}
    leader.take(seen(activator, **usual | facts))
    assert leader.reason == reason


ACTIVATORS = [
    ("one without a table has joined", [seen_activator(2)], "Joining"),
    ("one that finishes and has no table of ours", [seen_activator(2, takes_new=False)], "Holding"),
    ("one has restarted", [seen_activator(1, process="2")], "Holding"),
    ("one uses the table of another leader", [seen_activator(1, version=10**15)], "Holding"),
    (
        "one can't listen on the port",
        [seen_activator(2, unbound_ports=tuple(range(20_000, 30_000)))],
        "Holding",
    ),
]


@pytest.mark.parametrize(
    ("changed", "reason"), [row[1:] for row in ACTIVATORS], ids=[row[0] for row in ACTIVATORS]
)
def test_an_activator_that_may_pass_requests_on_takes_the_leave_to_stop_back(
    leader: Leader, changed: list[Any], reason: str
) -> None:
    leader.guarded()
    leader.now += 1.0
    usual = {"activator-1": seen_activator(1, version=leader.versions[1])}
    activators = {**usual, **{each.uid: each for each in changed}}
    pool = seen_pool(idle_seen_at=leader.now, slice_writes=leader.writes)
    leader.take(seen(*activators.values(), pool=pool, slices=dict(leader.slices)))
    assert leader.reason == reason


def test_a_stop_says_since_when_it_waits_for_the_same(leader: Leader) -> None:
    leader.see(activators=(), wants_zero=False)
    stop = leader.last.stop[CHAT]
    assert isinstance(stop, Waiting)
    assert (stop.reason, stop.since) == ("Direct", None), "no stop is wanted"
    leader.see(activators=(), seconds=60.0)
    began = leader.now
    leader.see(activators=(), seconds=7.0)
    stop = leader.last.stop[CHAT]
    assert isinstance(stop, Waiting)
    assert (stop.reason, stop.since) == ("NoActivator", began)
    leader.see(seconds=1.0)
    leader.see(seconds=1.0)
    leader.see(seconds=1.0)
    stop = leader.last.stop[CHAT]
    assert isinstance(stop, Waiting)
    assert (stop.reason, stop.since) == ("Settling", leader.now)


def test_a_pool_that_was_deleted_and_made_again_starts_as_a_new_one(leader: Leader) -> None:
    leader.guarded()
    leader.see(seconds=0.5, idle_seen_at=leader.now, uid="another")
    assert (leader.phase, leader.reason) == (Phase.JOINING, "Joining")


def test_another_service_gets_another_port(leader: Leader) -> None:
    before = leader.guarded().front.pools[CHAT]
    other = leader.see(seconds=0.5, service_name="other", wants_zero=False).front.pools[CHAT]
    assert other.listen_port != before.listen_port
    assert leader.reason == "Leaving", "the slice of the Service before is still there"


def test_of_two_pools_with_one_service_the_older_has_it() -> None:
    young = seen_pool(uid="uid-other", created_at="2026-01-02T00:00:00Z", was_service_asked=False)
    made = turn(START, Front(), seen(seen_activator(), pools={OTHER: young, CHAT: seen_pool()}, slices={}))
    assert (made.front.pools[CHAT].owner, made.front.pools[OTHER].owner) == (None, CHAT)
    stop = made.stop[OTHER]
    assert isinstance(stop, Waiting)
    assert stop.reason == "ServiceShared"
    assert made.endpoints[OTHER] == Endpoints(Presence.LEAVE)
    assert made.endpoints[CHAT].presence is Presence.JOIN
    ports = {route.ports[0].listen_port for route in routes(made).values()}
    assert len(ports) == 2, "each has a port of its own"


def test_slices_of_a_pool_without_http_source_go(leader: Leader) -> None:
    leader.see()
    made = turn(START, Front(), seen(pools={}, slices=leader.slices, other_pools=frozenset({CHAT})))
    assert made.endpoints == {CHAT: Endpoints(Presence.LEAVE)}


@pytest.mark.parametrize(
    ("pool", "presence"),
    [
        ({}, Presence.JOIN),
        ({"wants_zero": False}, Presence.LEAVE),
        ({"takes_part": None}, Presence.STAY),
        ({"takes_part": False}, Presence.LEAVE),
        ({"service": None}, Presence.STAY),
        ({"is_readable": False}, Presence.STAY),
        ({"wants_zero": False, "ready": ()}, Presence.JOIN),
    ],
)
def test_what_the_endpoints_should_be(pool: dict[str, Any], presence: Presence) -> None:
    made = turn(START, Front(), seen(seen_activator(), pool=seen_pool(**pool), slices={}))
    assert made.endpoints[CHAT].presence is presence


def test_endpoints_are_those_that_take_new_requests_and_listen_by_family() -> None:
    service = replace(SERVICE, families=("IPv4", "IPv6"))
    activators = (
        replace(seen_activator(1), addresses=("10.9.0.1", "fd00::1")),
        seen_activator(2, is_silent=True),
        seen_activator(3, takes_new=False),
        seen_activator(4, is_stopping=True),
        seen_activator(5, unbound_ports=tuple(range(20_000, 30_000))),
        seen_activator(6),
    )
    made = turn(START, Front(), seen(*activators, pool=seen_pool(service=service), slices={}))
    by_family = {each.family: each.addresses for each in made.endpoints[CHAT].slices}
    assert by_family == {"IPv4": ("10.9.0.1", "10.9.0.6"), "IPv6": ("fd00::1",)}


def test_a_pool_that_never_leads_takes_turns_without_effect() -> None:
    made = turn(START, Front(), seen(seen_activator(), slices=None, is_leading=False))
    assert (made.tables, made.endpoints, made.front.led_since) == ({}, {}, None)
    assert made.stop[CHAT] != CLEAR


@pytest.mark.parametrize(
    "activator",
    [
        seen_activator(is_silent=True),
        seen_activator(takes_new=False),
        seen_activator(is_stopping=True),
        seen_activator(unbound_ports=tuple(range(20_000, 30_000))),
    ],
)
def test_a_stop_that_no_activator_can_help_with_says_so(leader: Leader, activator: Any) -> None:
    for _ in range(2):
        leader.take(seen(activator, slices={}))
    stop = leader.last.stop[CHAT]
    assert isinstance(stop, Waiting)
    assert stop.reason == "NoActivator"
    assert "no activator that is ready and reports can listen on the port" in stop.sentence


PROOFS: list[tuple[str, list[tuple[str, ...] | None], int]] = [
    ("both were seen to accept", [("10.1.0.1", "10.1.0.2")], 0),
    ("each was seen by another activator", [("10.1.0.1",), ("10.1.0.2",)], 0),
    ("one was seen", [("10.1.0.2",), ()], 1),
    ("none was seen", [(), ()], 2),
    ("one activator is of an earlier release", [None, ("10.1.0.1",)], 1),
    ("no activator tries them", [None, None], 0),
    ("no activator reports", [], 0),
]


@pytest.mark.parametrize(
    ("accepting", "missing"), [row[1:] for row in PROOFS], ids=[row[0] for row in PROOFS]
)
def test_pods_without_a_readiness_probe_need_a_proof(
    leader: Leader, accepting: list[tuple[str, ...] | None], missing: int
) -> None:
    leader.guarded()
    probed = SeenPod("pod-3", "10.1.0.3")
    pods = (SeenPod("pod-1", "10.1.0.1", is_probed=False), SeenPod("pod-2", "10.1.0.2", is_probed=False))
    activators = [
        seen_activator(number, version=leader.versions[1], pools=(pool_report(accepting=told),))
        for number, told in enumerate(accepting, start=1)
    ]
    pool = seen_pool(wants_zero=False, ready=(*pods, probed), slice_writes=leader.writes)
    made = leader.take(seen(*activators, pool=pool, slices=dict(leader.slices)))
    assert leader.phase is (Phase.PROVING if missing else Phase.LEAVING)
    assert made.endpoints[CHAT].presence is Presence.JOIN
    if activators:
        route = routes(made)["chat"]
        assert route.unprobed == ("10.1.0.1", "10.1.0.2")
        assert [each.address for each in route.replicas] == ["10.1.0.1", "10.1.0.2", "10.1.0.3"]
        assert route.redirects_to_pods == (not missing)
