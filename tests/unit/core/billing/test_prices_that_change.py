"""A price that changes often costs neither dollars nor the bill: amounts stay exact, and all that is kept can
be read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.billing import kept, pages
from poolkeeper.core.billing.amounts import MOST_UNITS, Amounts, Row, Rows, Unit, enter, mixed, summed
from poolkeeper.core.billing.books import MOST_OF_AN_HOUR, Day, closed
from poolkeeper.core.billing.meter import Meter, Seen, advance, begin, was_booked
from poolkeeper.core.billing.occupancy import Occupant

HOUR = 3600.0
START = 1_700_006_400.0
"""A full hour, and midnight in UTC."""
UNITS = st.builds(
    Unit,
    st.sampled_from(("l4", "a100")),
    st.integers(1, 8),
    st.integers(1, 10**7),
    st.sampled_from((72, 400)),
)


@given(st.lists(st.tuples(st.integers(0, 2), UNITS, st.floats(1.0, 1e5)), max_size=60))
def test_rows_are_bounded_and_nothing_is_lost(charges: list[tuple[int, Unit, float]]) -> None:
    rows: Rows = ()
    single = []
    for number, unit, seconds in charges:
        rows = enter(rows, number, unit, Amounts(busy=seconds))
        single.append(Row(number, unit, Amounts(busy=seconds)))
    assert [row.number for row in rows] == sorted(row.number for row in rows)
    assert all(sum(row.number == number for row in rows) <= MOST_UNITS for number in range(3))
    for name in ("chip_seconds", "micro_dollars", "watt_hours"):
        found, expected = getattr(summed(rows), name).paid, getattr(summed(single), name).paid
        assert found == pytest.approx(expected, rel=0.01)


def test_two_prices_are_mixed_by_what_was_paid_for() -> None:
    one = Row(0, Unit("l4", 1, 1_000_000, 72), Amounts(busy=HOUR))
    two = Row(0, Unit("l4", 2, 4_000_000, 72), Amounts(idle=HOUR))
    both = mixed(one, two)
    assert both.unit == Unit("l4", 1, 3_000_000, 72)
    assert (both.amounts.busy, both.amounts.idle) == (HOUR, 2 * HOUR)


@pytest.mark.parametrize("every", [300.0, HOUR, 24 * HOUR])
def test_a_price_that_changes_for_months_is_billed_and_kept(every: float) -> None:
    """Example: a price of spot capacity that is set every five minutes, from $1 upwards."""
    meter = begin(START, _day(START))
    page = pages.Page("ns", "pool", START, START, False, 1, None)
    paid, now = 0.0, START
    for turn in range(int(100 * 24 * HOUR / every) if every > HOUR else 3_000):
        price = 1_000_000 + 1_000 * turn
        meter = advance(meter, now, _day(now), _one_replica(price))
        now += every
        meter = advance(meter, now, _day(now), _one_replica(price))
        paid += price * every / HOUR
        meter, page = _booked(meter, page, now)
    assert summed(meter.books.total).micro_dollars.paid == pytest.approx(paid, rel=1e-4)
    text = kept.to_text(meter)
    assert len(text) < 4096
    assert kept.from_text(text, now) is not None
    read = pages.from_text(pages.to_text(page))
    assert read is not None
    assert max(sum(row.number == each.number for row in read.hours) for each in read.hours) <= MOST_OF_AN_HOUR
    assert summed((*read.hours, *read.days)).micro_dollars.paid == pytest.approx(paid, rel=1e-3)


def _day(now: float) -> Day:
    began_at = now // 86_400 * 86_400
    return Day(began_at, began_at + 86_400)


def _one_replica(price: int) -> Seen:
    return Seen((Occupant("a", Unit("l4", 1, price, 72), START, START),), 1, 0.0)


def _booked(meter: Meter, page: pages.Page, now: float) -> tuple[Meter, pages.Page]:
    rows = closed(meter.books, now)
    if not rows:
        return meter, page
    page = pages.book(page._replace(until=now // HOUR * HOUR), rows)
    return was_booked(meter, rows[-1].number), page
