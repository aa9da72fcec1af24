"""The rules of a pool's gate as tables: who waits, who is released, who is refused, and when."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.line import MOST_EXPECTED_BACK, Line, Ticket
from poolkeeper.activator.net.refusals import Cause, Refused
from poolkeeper.api.activation import PoolRoute, Replica

NOW = 1000.0


def route(slots: dict[str, int] | None = None, **changes: Any) -> PoolRoute:
    """A pool whose replicas have these slots; without any it is at zero."""
    replicas = tuple(Replica(address=address, slots=free) for address, free in (slots or {}).items())
    fields = {"namespace": "serving", "name": "chat", "ports": (), "hold_seconds": 30, **changes}
    return PoolRoute(replicas=replicas, **fields)


def line(slots: dict[str, int] | None = None, *, total: int = 100, **changes: Any) -> Line:
    """The line of such a pool at NOW."""
    return Line(route(slots, **changes), Budget(total), NOW)


def enter(
    where: Line, client: str = "c", now: float = NOW, body_bytes: int = 0, limit_seconds: float | None = None
) -> Ticket:
    """A request that comes."""
    return where.enter(client, now, body_bytes=body_bytes, limit_seconds=limit_seconds)


def outcome(ticket: Ticket) -> str:
    """The replica, the cause of a refusal, or that it waits."""
    return ticket.granted or (ticket.refused.cause if ticket.refused else "waits")


@dataclass
class Arrival:
    """One request that comes to a pool in some state."""

    case: str
    expected: str
    slots: dict[str, int] = field(default_factory=dict)
    pool: dict[str, Any] = field(default_factory=dict)
    limit_seconds: float | None = None
    before: int = 0
    total: int = 100


ARRIVALS = (
    Arrival("at zero it waits", "waits"),
    Arrival("a free slot takes it at once", "a", {"a": 1}),
    Arrival("the replica with fewer requests takes it", "b", {"a": 2, "b": 2}, before=1),
    Arrival("without a free slot it waits", "waits", {"a": 1}, before=1),
    Arrival("a replica without slots takes nothing", "waits", {"a": 0}),
    Arrival("a start within the budget is waited for", "waits", pool={"ready_in_seconds": 30.0}),
    Arrival("a start beyond the budget is not", Cause.NOT_READY_IN_TIME, pool={"ready_in_seconds": 30.1}),
    Arrival(
        "nor one beyond the request's own limit",
        Cause.NOT_READY_IN_TIME,
        pool={"ready_in_seconds": 20.0},
        limit_seconds=19.0,
    ),
    Arrival(
        "a longer limit of its own waits for it", "waits", pool={"ready_in_seconds": 90.0}, limit_seconds=100
    ),
    Arrival(
        "with a ready replica the start time does not matter",
        "waits",
        {"a": 1},
        pool={"ready_in_seconds": 90.0},
        before=1,
    ),
    Arrival("the pool's bound", Cause.QUEUE_FULL, pool={"held_requests": 2}, before=2),
    Arrival("requests at replicas do not count there", "waits", {"a": 2}, {"held_requests": 1}, before=2),
    Arrival("the activator's bound", Cause.ACTIVATOR_FULL, before=3, total=3),
    Arrival("requests at replicas count there", Cause.ACTIVATOR_FULL, {"a": 9}, before=3, total=3),
)


@pytest.mark.parametrize("arrival", ARRIVALS, ids=lambda arrival: arrival.case)
def test_what_becomes_of_a_request_that_comes(arrival: Arrival) -> None:
    where = line(arrival.slots, total=arrival.total, **arrival.pool)
    for _ in range(arrival.before):
        enter(where)
    try:
        found = outcome(enter(where, limit_seconds=arrival.limit_seconds))
    except Refused as refused:
        found = refused.cause
    assert found == arrival.expected


@pytest.mark.parametrize(
    ("limit_seconds", "hold_seconds", "held_for"),
    [
        (None, 30, 30),
        (10.0, 30, 10),
        (100.0, 30, 100),
        (1e9, 30, 3600),  # an hour at most,
        (1e9, 7200, 7200),  # or the budget where that is longer
    ],
)
def test_how_long_a_request_may_wait(limit_seconds: float | None, hold_seconds: int, held_for: float) -> None:
    ticket = enter(line(hold_seconds=hold_seconds), limit_seconds=limit_seconds)
    assert ticket.expires_at == NOW + held_for


@pytest.mark.parametrize(
    ("limit_seconds", "budget_later", "after", "expected", "expires_after"),
    [
        (None, 30, 29.9, "waits", 30),
        (None, 30, 30.0, Cause.TIME_LIMIT, 30),
        (None, 60, 30.0, "waits", 60),  # raised: holds for those who wait as well
        (None, 60, 60.0, Cause.TIME_LIMIT, 60),
        (None, 5, 10.0, "waits", 30),  # lowered: for new requests only
        (20.0, 60, 20.0, Cause.TIME_LIMIT, 20),  # a limit of its own is not extended
    ],
)
def test_when_a_waiting_request_is_refused(
    limit_seconds: float | None, budget_later: int, after: float, expected: str, expires_after: float
) -> None:
    where = line()
    ticket = enter(where, limit_seconds=limit_seconds)
    where.update(route(hold_seconds=budget_later), NOW + 1)
    where.expire(ticket, NOW + after)
    assert (outcome(ticket), ticket.expires_at) == (expected, NOW + expires_after)
    assert where.decided == ([] if expected == "waits" else [ticket])
    assert where.waiting == (expected == "waits")


@pytest.mark.parametrize(
    ("ready_in", "limit_seconds", "retry_after", "expected_for"),
    [(90.0, 20.0, 90, 135.0), (31.5, 1.0, 32, 48.0), (2.0, 1.0, 2, 5.0)],
)
def test_a_client_that_is_refused_because_of_the_start_is_demand_until_it_comes_back(
    ready_in: float, limit_seconds: float, retry_after: int, expected_for: float
) -> None:
    where = line(ready_in_seconds=ready_in)
    with pytest.raises(Refused) as refused:
        enter(where, limit_seconds=limit_seconds)
    assert refused.value.retry_after_seconds == retry_after
    assert where.report(NOW + expected_for - 0.1).expected_back == 1
    assert where.report(NOW + expected_for).expected_back == 0


def test_a_client_that_comes_back_is_expected_no_longer_and_their_number_is_bounded() -> None:
    where = line(ready_in_seconds=90.0)
    for number in range(MOST_EXPECTED_BACK + 5):
        with pytest.raises(Refused):
            enter(where, f"client {number}")
    assert where.report(NOW).expected_back == MOST_EXPECTED_BACK
    enter(where, "client 0", limit_seconds=100.0)
    assert where.report(NOW).expected_back == MOST_EXPECTED_BACK - 1


def test_a_full_line_takes_the_latest_request_of_the_client_with_most() -> None:
    where = line(held_requests=3)
    greedy = [enter(where, "greedy") for _ in range(3)]
    modest = enter(where, "modest")
    assert [outcome(ticket) for ticket in (*greedy, modest)] == ["waits", "waits", Cause.QUEUE_FULL, "waits"]
    assert where.decided == [greedy[2]]
    with pytest.raises(Refused):  # both would only change places
        enter(where, "modest")


def test_slots_that_come_free_go_to_those_who_wait_before_newcomers() -> None:
    where = line({"a": 1})
    first, second = enter(where), enter(where)
    where.leave(first, NOW + 1, completed=True)
    third = enter(where, "other", NOW + 1)
    assert [outcome(ticket) for ticket in (second, third)] == ["a", "waits"]
    assert where.decided == [second]


def test_a_request_whose_replica_accepted_no_connection_is_the_next_again() -> None:
    where = line({"a": 1})
    first, second = enter(where), enter(where)
    where.send_back(first, NOW + 1, pause_seconds=5)
    assert [outcome(first), outcome(second), where.waiting] == ["waits", "waits", 2]
    assert where.next_release_at(NOW + 1) == NOW + 6
    where.release(NOW + 5.9)
    assert outcome(first) == "waits"
    where.release(NOW + 6)
    assert [outcome(first), outcome(second)] == ["a", "waits"]
    assert first.was_held
    assert where.next_release_at(NOW + 6) is None


def test_a_request_that_is_sent_back_too_late_is_refused() -> None:
    where = line({"a": 1})
    ticket = enter(where, limit_seconds=2.0)
    where.send_back(ticket, NOW + 2, pause_seconds=5)
    assert outcome(ticket) == Cause.TIME_LIMIT
    assert where.next_release_at(NOW + 2) is None  # nobody waits for the end of that pause


def test_a_connection_without_an_open_request_gives_its_slot_to_others() -> None:
    where = line({"a": 1})
    spliced, other = enter(where), enter(where)
    where.rest(spliced, NOW)
    assert outcome(other) == "a"
    where.resume(spliced)  # its request is at the replica already, whatever the slots
    assert where.report(NOW).at_replicas == {"a": 2}
    where.leave(other, NOW, completed=True)
    assert outcome(enter(where)) == "waits"
    where.leave(spliced, NOW, completed=True)
    where.resume(spliced)
    assert where.report(NOW).in_flight == 1  # the last one that came


def test_an_end_counts_once() -> None:
    total = Budget(10)
    where = Line(route({"a": 1}), total, NOW)
    ticket = enter(where)
    for _ in range(2):
        where.leave(ticket, NOW, completed=True)
    assert (total.used, where.report(NOW).completed, where.is_empty) == (0, 1, True)


def test_a_closed_line_refuses_newcomers_and_keeps_those_who_wait() -> None:
    where = line()
    waiting = enter(where)
    where.closed = Refused(Cause.NO_POOL, "gone")
    with pytest.raises(Refused) as refused:
        enter(where)
    assert refused.value.cause is Cause.NO_POOL
    assert outcome(waiting) == "waits"
    where.refuse_all(Cause.NO_POOL, "gone", NOW)
    assert outcome(waiting) == Cause.NO_POOL
    where.closed = None
    assert outcome(enter(where)) == "waits"


def test_withdrawn_replicas_get_nothing_new_and_keep_their_count() -> None:
    where = line({"a": 2})
    at_replica = enter(where)
    where.withdraw_replicas()
    assert outcome(enter(where)) == "waits"
    assert where.report(NOW).at_replicas == {"a": 1}
    where.leave(at_replica, NOW, completed=True)
    assert where.report(NOW).at_replicas == {}


def test_a_request_waits_until_a_replica_that_may_not_listen_has_accepted_it() -> None:
    where = Line(route({"a": 2}).model_copy(update={"unprobed": ("a",)}), Budget(10), NOW)
    first, second = enter(where), enter(where)
    assert (outcome(first), where.report(NOW).in_flight) == ("a", 0)
    assert sum(each.requests for each in where.report(NOW).waiting) == 2
    assert where.report(NOW).at_replicas == {"a": 2}, "its slots are taken all the same"
    where.connected(first)
    assert (where.report(NOW).in_flight, where.report(NOW).accepting) == (1, ("a",))
    where.leave(second, NOW, completed=False)
    assert (where.report(NOW).in_flight, where.report(NOW).waiting) == (1, ())
    third = enter(where)
    assert where.report(NOW).in_flight == 2, "it listens"
    where.send_back(third, NOW, pause_seconds=1.0)
    where.release(NOW + 1.0)
    assert where.report(NOW).in_flight == 1, "it refused, so the next try waits too"


def test_a_replica_that_may_not_listen_does_not_make_the_model_ready() -> None:
    where = Line(
        route({"a": 2}).model_copy(update={"unprobed": ("a",), "ready_in_seconds": 60}), Budget(9), NOW
    )
    with pytest.raises(Refused) as refused:
        where.enter("client", NOW, body_bytes=0, limit_seconds=2.0)
    assert refused.value.cause is Cause.NOT_READY_IN_TIME
    where.accepted("a")
    assert outcome(where.enter("client", NOW, body_bytes=0, limit_seconds=2.0)) == "a"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("enter", "leave", "connect", "send back", "expire", "update", "pass")),
        st.integers(0, 7),
    ),
    max_size=30,
)


def act(where: Line, tickets: list[Ticket], what: str, which: int, now: float) -> None:
    """One step in a pool's life; `which` chooses the ticket, the client or the slots."""
    chosen = tickets[which % len(tickets)] if tickets else None
    if what == "enter":
        tickets.append(enter(where, f"client {which % 3}", now))
    elif what == "update":
        unprobed = ("a",) if which % 2 else ()
        named = route({"a": which % 3, "b": which // 3}).model_copy(update={"unprobed": unprobed})
        where.update(named, now)
    elif what == "pass":
        where.release(now)
    elif chosen is not None and what == "leave":
        where.leave(chosen, now, completed=True)
    elif chosen is not None and what == "connect":
        where.connected(chosen)
    elif chosen is not None and what == "send back":
        where.send_back(chosen, now, pause_seconds=3)
    elif chosen is not None:
        where.expire(chosen, now)


@given(steps=STEPS)
def test_no_request_is_lost_and_no_slot_is_used_twice_or_left_free(steps: list[tuple[str, int]]) -> None:
    total, now = Budget(50), NOW
    where = Line(route({"a": 2}), total, now)
    tickets: list[Ticket] = []
    due: float | None = None
    for what, which in steps:
        now += which if what == "pass" else 0.5
        if due is not None and due <= now:
            where.release(now)
        before = where.report(now).at_replicas
        act(where, tickets, what, which, now)
        after = where.report(now)
        allowed = {replica.address: replica.slots for replica in where.route.replicas}
        for address, taken in after.at_replicas.items():
            assert taken <= max(before.get(address, 0), allowed.get(address, 0))
        due = where.next_release_at(now)
        if where.waiting and any(
            after.at_replicas.get(address, 0) < most for address, most in allowed.items()
        ):
            assert due is not None  # a slot is only free while its replica is paused
        assert where.waiting == sum(outcome(ticket) == "waits" and not ticket.has_left for ticket in tickets)
        assert sum(after.at_replicas.values()) == sum(ticket.granted is not None for ticket in tickets)
        waits = sum(each.requests for each in after.waiting)
        assert waits + after.in_flight == total.used, "each request is reported once"
        assert waits >= where.waiting, "one that only tries a replica still waits"
        assert total.used == sum(not ticket.has_left for ticket in tickets)
