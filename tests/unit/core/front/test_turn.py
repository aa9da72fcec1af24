"""One turn of the front: who answers, what is sent, and what a stop waits for."""

from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.api.activation import PoolRoute
from poolkeeper.core.front.presence import Endpoints, Presence
from poolkeeper.core.front.routing import FOREIGN_TABLE_SECONDS, RESEND_SECONDS
from poolkeeper.core.front.seen import Seen
from poolkeeper.core.front.slices import ActivatorSlice, SliceName, by_name
from poolkeeper.core.front.switching import SETTLE_SECONDS, Phase
from poolkeeper.core.front.turn import Front, Turn, turn
from poolkeeper.core.values.identity import PoolKey
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

OTHER = PoolKey("ns", "other")
START = 1_000_000.0


class Leader:
    """Takes turns; its activators take and confirm each table, and its slices are written at once."""

    def __init__(self) -> None:
        self.now = START
        self.last = Turn(Front())
        self.slices: dict[SliceName, ActivatorSlice] = {}
        self.versions: dict[int, int] = {}
        self.writes = 0

    def see(self, *, activators: tuple[int, ...] = (1,), seconds: float = 0.0, **changes: Any) -> Turn:
        """One turn, `seconds` later, of a pool with these changes."""
        self.now += seconds
        listening = [seen_activator(each, version=self.versions.get(each, 0)) for each in activators]
        pool = seen_pool(slice_writes=self.writes, **changes)
        return self.take(seen(*listening, pool=pool, slices=dict(self.slices)))

    def take(self, facts: Seen) -> Turn:
        """One turn of these facts."""
        self.last = turn(self.now, self.last.front, facts)
        for uid, table in self.last.tables.items():
            self.versions[int(uid.rpartition("-")[2])] = table.table_version
        wanted = self.last.endpoints.get(CHAT, Endpoints(Presence.STAY))
        if wanted.presence is Presence.JOIN and self.slices != by_name(wanted.slices):
            self.slices, self.writes = by_name(wanted.slices), self.writes + 1
        return self.last

    def guarded(self) -> Turn:
        """The activators answer for the pool `chat`, and its replica may stop."""
        for _ in range(round(SETTLE_SECONDS) + 6):
            self.see(seconds=1.0, idle_seen_at=self.now + 1.0)
        assert self.last.stop[CHAT] == CLEAR
        return self.last

    @property
    def reason(self) -> str:
        """What the stop of the pool `chat` waits for; empty where it may stop."""
        stop = self.last.stop[CHAT]
        return stop.reason if isinstance(stop, Waiting) else ""

    @property
    def phase(self) -> Phase | None:
        """Who answers for the pool `chat`."""
        switch = self.last.front.pools[CHAT].switch
        return switch.phase if switch else None


@pytest.fixture
def leader() -> Leader:
    """It has not taken a turn yet."""
    return Leader()


def routes(made: Turn, activator: int = 1) -> dict[str, PoolRoute]:
    """What an activator is sent, by pool; nothing where it is sent no table."""
    table = made.tables.get(f"activator-{activator}")
    return {route.name: route for route in table.pools} if table else {}


def slots(made: Turn, activator: int = 1) -> dict[str, int]:
    """Slots of the pool `chat` by replica, as an activator is sent them."""
    return {each.address: each.slots for each in routes(made, activator)["chat"].replicas}


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
    ("the declaration can't be read", {"is_readable": False}, {}, "ServiceUnknown"),
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
    assert (stop.reason, stop.since) == ("Joining", began)
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


def test_a_pool_that_never_leads_takes_turns_without_effect() -> None:
    made = turn(START, Front(), seen(seen_activator(), slices=None, is_leading=False))
    assert (made.tables, made.endpoints, made.front.led_since) == ({}, {}, None)
    assert made.stop[CHAT] != CLEAR
