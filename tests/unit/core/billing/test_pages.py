"""A page keeps the hours of a week and the days of a year, and its size has a bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.billing.amounts import Amounts, Row, Unit
from poolkeeper.core.billing.pages import DAYS_KEPT, HOURS_KEPT, Page, book, from_text, shortened, to_text

L4 = Unit("nvidia-l4", 1, 800_000, 72)
FIRST = 480_000
"""An hour with which a day begins."""


def page(until_hour: int) -> Page:
    return Page("serving", "chat", FIRST * 3600.0, until_hour * 3600.0, False, 8, L4)


def hour(number: int, busy: float = 3600.0) -> Row:
    return Row(number, L4, Amounts(busy=busy, idle=1.5))


def paid(found: Page) -> float:
    return sum(row.amounts.busy for row in (*found.hours, *found.days))


def test_an_hour_that_is_booked_twice_counts_once() -> None:
    once = book(page(FIRST + 2), (hour(FIRST), hour(FIRST + 1)))
    assert book(once, (hour(FIRST + 1, busy=3000.0),)).hours == (hour(FIRST), hour(FIRST + 1, busy=3000.0))


def test_hours_become_days_and_nothing_is_lost() -> None:
    found = page(FIRST)
    for number in range(FIRST, FIRST + 24 * 30):
        found = book(found._replace(until=(number + 1) * 3600.0), (hour(number),))
    assert paid(found) == 24 * 30 * 3600.0
    assert HOURS_KEPT <= len(found.hours) <= HOURS_KEPT + 24
    assert {row.amounts.busy for row in found.days} == {86_400.0}


def test_a_pool_that_runs_for_years_keeps_the_last_400_days_in_some_ten_kilobytes() -> None:
    found = page(FIRST)
    for day in range(800):
        begin = FIRST + 24 * day
        rows = tuple(hour(begin + each, busy=(1237 * begin + each * 997) % 36_000 / 10) for each in range(24))
        found = book(found._replace(until=(begin + 24) * 3600.0), rows)
    assert len(found.days) <= DAYS_KEPT + 1
    assert len(to_text(found)) < 12_000
    assert len(to_text(shortened(found))) < 0.8 * len(to_text(found))


def test_a_page_is_read_as_it_was_written() -> None:
    found = book(page(FIRST + 300), tuple(hour(FIRST + each) for each in range(250)))
    assert from_text(to_text(found)) == found
    unknown = page(FIRST)._replace(unit=None, is_gone=True)
    assert from_text(to_text(unknown)) == unknown


@given(st.one_of(st.none(), st.text(), st.binary(), st.text().map("1:{}".format)))
def test_anything_else_is_no_page(text: object) -> None:
    assert from_text(text) is None


@pytest.mark.parametrize("place", range(2, 60, 7))
def test_a_page_that_was_cut_off_or_changed_is_no_page(place: int) -> None:
    text = to_text(book(page(FIRST + 3), (hour(FIRST),)))
    assert from_text(text[:place]) is None
    assert from_text(f"{text[:place]}~{text[place + 1 :]}") is None
