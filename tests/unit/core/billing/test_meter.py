"""The meter counts what ran, from look to look, by the pods' own times where nobody looked."""

import json
import math
import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.billing.amounts import STATES, Amounts, Unit, summed
from poolkeeper.core.billing.books import CELLS, Day, closed, month
from poolkeeper.core.billing.kept import from_text, to_text
from poolkeeper.core.billing.meter import Meter, Seen, advance, begin, resumed, was_booked
from poolkeeper.core.billing.occupancy import Occupant, next_end

NOON = 1_780_000_000.0 - 1_780_000_000.0 % 86_400 + 43_200
DAY = Day(NOON - 43_200, NOON + 43_200)
L4 = Unit("nvidia-l4", 2, 800_000, 72)
SPOT = L4._replace(micro_dollars_per_hour=230_000)


def replica(name: str, begun: float, serves: float | None = None, unit: Unit = L4) -> Occupant:
    return Occupant(name, unit, NOON + begun, None if serves is None else NOON + serves)


def look(
    meter: Meter, at: float, *replicas: Occupant, busy: int | None = 0, tail: float = 0.0, day: Day = DAY
) -> Meter:
    return advance(meter, NOON + at, day, Seen(replicas, busy, tail))


def total(meter: Meter) -> Amounts:
    amounts = Amounts()
    for row in meter.books.total:
        amounts = amounts.plus(row.amounts)
    return amounts


def test_a_replica_is_counted_by_its_state() -> None:
    meter = look(begin(NOON, DAY), 0)
    meter = look(meter, 10, replica("a", 10))
    meter = look(meter, 40, replica("a", 10, 40), busy=1)
    meter = look(meter, 100, replica("a", 10, 40))
    meter = look(meter, 160, tail=600)
    meter = look(meter, 1000)
    assert total(meter) == Amounts(starting=30, busy=60, idle=60, tail=600)
    assert next_end(meter.running, meter.at) == math.inf


def test_requests_in_flight_are_taken_to_be_spread_over_the_replicas() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0), replica("b", 0, 0), replica("c", 0, 0), busy=2)
    assert total(look(meter, 10)) == Amounts(busy=20, idle=10)


def test_what_can_not_be_seen_is_neither_busy_nor_idle() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0), busy=None)
    assert total(look(meter, 10)) == Amounts(unknown=10)


def test_a_late_look_counts_from_when_the_replica_got_its_node_and_became_ready() -> None:
    meter = look(begin(NOON, DAY), 0)
    meter = look(meter, 60, replica("a", 20, 50))
    assert total(meter) == Amounts(starting=30, idle=10, estimated=10)
    meter = look(begin(NOON, DAY), 0, replica("a", 0))
    meter = look(meter, 60, replica("a", 0, 50))
    assert total(meter) == Amounts(starting=50, idle=10, estimated=10)


def test_what_ran_before_the_pool_was_first_seen_is_not_billed() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", -500, -400))
    assert total(look(meter, 10)).paid == 10


def test_a_new_replica_takes_over_the_node_whose_tail_was_paid_for() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0))
    meter = look(meter, 10, tail=600)
    meter = look(meter, 110, replica("b", 110), tail=600)
    assert total(look(meter, 1000, replica("b", 110))) == Amounts(starting=890, idle=10, tail=100)


def test_a_change_of_the_price_counts_from_then_on() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0))
    meter = look(meter, 3600, replica("a", 0, 0, SPOT))
    meter = look(meter, 7200)
    sums = summed(meter.books.total)
    assert sums.micro_dollars.idle == pytest.approx(2 * (800_000 + 230_000))
    assert sums.watt_hours.idle == pytest.approx(2 * 2 * 72)


def test_an_unknown_price_or_size_is_unknown_and_not_nothing() -> None:
    for unit, expected in (
        (L4._replace(chips=None), (10, 0, 0)),
        (L4._replace(micro_dollars_per_hour=None), (0, 20, 0)),
        (L4._replace(watts=None), (0, 0, 20)),
    ):
        meter = look(look(begin(NOON, DAY), 0, replica("a", 0, 0, unit)), 10)
        sums = summed(meter.books.total)
        assert [sums.unsized, sums.unpriced, sums.unpowered] == list(expected)
        assert sums.dollars_are_known == (unit.watts is None)


def test_hours_and_days_are_told_apart() -> None:
    meter = look(begin(NOON - 3600, DAY), -3600, replica("a", -3600, -3600))
    tomorrow = Day(DAY.ends_at, DAY.ends_at + 86_400)
    meter = look(meter, 43_200 + 600, day=tomorrow)
    assert [row.amounts.idle for row in meter.books.hours] == [3600] * 13 + [600]
    assert [row.amounts.idle for row in meter.books.today] == [600]
    assert len(closed(meter.books, meter.at)) == 13
    late = was_booked(meter, closed(meter.books, meter.at)[-1].number)
    assert [row.amounts.idle for row in late.books.hours] == [600]


RESTARTS = [
    ("the same replica runs on", [replica("a", -90, -60)], {"idle": 60}),
    ("it went, and nothing says when", [], {"idle": 60}),
    ("it became ready meanwhile", [replica("a", -90, -60)], {"idle": 60}),
    ("it was replaced after 20 s", [replica("b", 20, 45)], {"idle": 20 + 15, "starting": 25}),
    ("another one came", [replica("a", -90, -60), replica("b", 50)], {"idle": 60, "starting": 10}),
]


@pytest.mark.parametrize(("case", "found", "expected"), RESTARTS)
def test_time_that_the_operator_was_down_is_counted_by_the_pods(
    case: str, found: list[Occupant], expected: dict[str, float]
) -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0))
    kept = from_text(to_text(meter), NOON + 60)
    assert kept is not None
    counted = total(look(kept, 60, *found))
    assert counted._replace(estimated=0.0) == pytest.approx(Amounts(**expected)), case


def test_a_start_that_ended_while_the_operator_was_down() -> None:
    meter = resumed(look(begin(NOON, DAY), 0, replica("a", 0)))
    counted = total(look(meter, 60, replica("a", 0, 45)))
    assert counted == Amounts(starting=45, idle=15, estimated=counted.estimated)


def test_while_pods_are_unknown_what_was_seen_last_counts_as_estimated() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0), busy=1)
    assert total(advance(meter, NOON + 10, DAY, None)) == Amounts(busy=10, estimated=10)


EVENTS = st.lists(
    st.tuples(
        st.floats(0.0, 5000.0), st.sampled_from(["come", "serve", "go", "busy", "look", "restart"]),
        st.integers(0, 4),
    ),
    max_size=40,
)  # fmt: skip


@given(EVENTS)
def test_each_replica_second_is_counted_once_over_restarts(
    events: list[tuple[float, str, int]],
) -> None:
    """However looks and restarts fall: the states of live replicas add up to their lives."""
    now, busy, expected = 0.0, 0, 0.0
    alive: dict[str, tuple[float, float | None]] = {}
    meter = look(begin(NOON, DAY), 0)
    for number, (pause, event, count) in enumerate(events):
        expected += pause * len(alive)
        now += pause
        if event == "come":
            alive[f"{number}"] = (now, None)
        elif event == "serve":
            alive = {name: (begun, serves or now) for name, (begun, serves) in alive.items()}
        elif event == "go" and alive:
            alive.pop(next(iter(alive)))
        elif event == "busy":
            busy = count
        elif event == "restart":
            kept = from_text(to_text(meter), NOON + now)
            assert kept is not None
            meter = kept
        meter = look(meter, now, *(replica(name, *times) for name, times in alive.items()), busy=busy)
    amounts = total(meter)
    assert amounts.paid == pytest.approx(expected, abs=0.2 * (len(events) + 1))
    assert min(getattr(amounts, state) for state in STATES) >= -0.2
    by_hours = sum(row.amounts.paid for row in meter.books.hours)
    assert len(meter.books.hours) > 20 or by_hours == pytest.approx(expected, abs=0.3 * (len(events) + 1))


@given(st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.dictionaries(st.text(), st.text())))
def test_anything_else_than_a_kept_meter_is_no_meter(kept: object) -> None:
    assert from_text(kept, NOON) is None


@given(st.data())
def test_a_damaged_text_never_stops_the_operator(data: st.DataObject) -> None:
    number = st.integers(-(2**70), 2**70) | st.none() | st.text(max_size=3)
    rows = st.lists(st.lists(number, max_size=12), max_size=3) | number
    keys = ("at", "busy", "groups", "tails", "booked", "total", "today", "month", "hours", "units")
    kept = {key: data.draw(rows) for key in keys}
    text = "1:" + b64encode(zlib.compress(json.dumps(kept).encode())).decode()
    found = from_text(text, NOON)
    assert found is None or look(found, 10).at == NOON + 10


def test_a_bomb_is_not_unpacked() -> None:
    assert from_text("1:" + b64encode(zlib.compress(b"[" * 10_000_000)).decode(), NOON) is None


def test_a_kept_meter_is_as_it_was() -> None:
    meter = look(begin(NOON, DAY), 0, replica("a", 0, 0), replica("b", 0, unit=SPOT), busy=None)
    meter = look(meter, 90, replica("b", 0, unit=SPOT), tail=600)
    kept = from_text(to_text(meter), NOON + 90)
    assert kept == resumed(meter)
    assert len(to_text(meter)) < 600


def test_the_last_30_days_are_kept_and_no_more() -> None:
    meter = begin(NOON, DAY)
    for day in range(100):
        today = Day(DAY.began_at + day * 86_400, DAY.ends_at + day * 86_400)
        meter = look(meter, day * 86_400, replica("a", 0, 0), day=today)
    cells = month(meter.books, meter.at)
    assert len(cells) == CELLS
    assert {row.amounts.idle for row in cells[1:-1]} == {3 * 86_400.0}
    kept = from_text(to_text(meter), meter.at)
    assert kept is not None
    assert month(kept.books, meter.at) == cells


def test_what_is_corrected_after_its_hour_was_booked_is_kept() -> None:
    """Example: pods can't be seen from 12:30 to 13:10; a replica that was starting has served since 12:31."""
    meter = look(begin(NOON, DAY), 1800, replica("a", 1800))
    meter = was_booked(advance(meter, NOON + 3700, DAY, None), int(NOON // 3600))
    meter = look(meter, 4200, replica("a", 1800, 1860))
    kept = from_text(to_text(meter), NOON + 4200)
    assert kept is not None
    assert kept.books.hours == meter.books.hours
    starting, serving = (
        sum(getattr(row.amounts, name) for row in kept.books.hours) for name in ("starting", "idle")
    )
    assert (starting, serving) == (60 - 1800, 2340)
    assert total(kept).starting == 60


def test_a_tail_that_ended_while_the_operator_was_down_is_corrected_by_what_was_counted() -> None:
    """Example: a node is paid for until 12:01:40; its next replica came at 12:01:30, seen at 12:10."""
    meter = look(look(begin(NOON, DAY), 0, replica("a", 0, 0)), 0, tail=100.0)
    kept = from_text(to_text(meter), NOON + 600)
    assert kept is not None
    assert total(look(kept, 600, replica("b", 90, 90), tail=100.0)).tail == 90
