"""The books of one pool: what was counted in all, today, in the last 30 days, and hour by hour."""

from collections.abc import Iterator
from typing import NamedTuple

from poolkeeper.core.billing.amounts import HOUR, Amounts, Rows, Unit, enter, number_of

CELL_SECONDS = 3 * 24 * HOUR
"""The last 30 days are counted in cells of three days, the first of which may be cut off: 27 to 30 days."""
CELLS = 10
LONGEST_BY_HOURS = 8 * 24 * HOUR
"""Of a longer span at once, only the last eight days are counted hour by hour."""
MOST_UNBOOKED = 24
"""Rows of hours that wait to be booked; beyond that, because nobody may book them, the oldest are merged."""


class Day(NamedTuple):
    """The present day in the time zone of the pool's budget, as two instants in Unix seconds."""

    began_at: float
    ends_at: float


class Books(NamedTuple):
    """Four counts of the same seconds."""

    total: Rows = ()
    """Since the pool was first seen; the number is 0."""
    today: Rows = ()
    """Since the present day began; the number is 0."""
    month: Rows = ()
    """By cells of CELL_SECONDS."""
    hours: Rows = ()
    """By hours that are not booked yet, the running one included."""
    booked: int = 0
    """The last hour that is booked: what is found later for it, or for an hour before, counts in the next."""


def charge(books: Books, day: Day, begin: float, end: float, unit: Unit, amounts: Amounts) -> Books:
    """The books with amounts that were counted evenly between two instants."""
    for first, last in _spans(begin, end, day):
        share = (last - first) / (end - begin)
        books = _enter(books, day, first, unit, amounts if share == 1.0 else amounts.times(share))
    return books


def begin_day(books: Books, now: float) -> Books:
    """The books at the begin of a new day."""
    oldest = number_of(now, CELL_SECONDS) - CELLS
    return books._replace(today=(), month=tuple(row for row in books.month if row.number > oldest))


def closed(books: Books, now: float) -> Rows:
    """The rows of hours that are over and not booked yet."""
    present = number_of(now, HOUR)
    return tuple(row for row in books.hours if row.number < present)


def booked(books: Books, until: int) -> Books:
    """The books once all hours up to this one are kept elsewhere."""
    return books._replace(
        hours=tuple(row for row in books.hours if row.number > until), booked=max(until, books.booked)
    )


def _enter(books: Books, day: Day, at: float, unit: Unit, amounts: Amounts) -> Books:
    hour = max(number_of(at, HOUR), books.booked + 1)
    return Books(
        enter(books.total, 0, unit, amounts),
        enter(books.today, 0, unit, amounts) if at >= day.began_at else books.today,
        enter(books.month, number_of(at, CELL_SECONDS), unit, amounts),
        _bounded(enter(books.hours, hour, unit, amounts)),
        books.booked,
    )


def _spans(begin: float, end: float, day: Day) -> Iterator[tuple[float, float]]:
    """The parts between full hours and the begin of the day."""
    if end - begin > LONGEST_BY_HOURS:
        yield begin, end - LONGEST_BY_HOURS
        begin = end - LONGEST_BY_HOURS
    while begin < end:
        stop = min((number_of(begin, HOUR) + 1) * HOUR, end)
        if begin < day.began_at < stop:
            stop = day.began_at
        yield begin, stop
        begin = stop


def _bounded(rows: Rows) -> Rows:
    if len(rows) <= MOST_UNBOOKED:
        return rows
    first, second, *rest = rows
    if first.unit != second.unit:
        return (second, *rest)
    return (second._replace(amounts=second.amounts.plus(first.amounts)), *rest)
