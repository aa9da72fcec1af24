"""The books of one pool: what was counted in all, today, in the last 30 days, and hour by hour."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from poolkeeper.core.billing.amounts import HOUR, Amounts, Row, Rows, Unit, enter, mixed, number_of

CELL_SECONDS = 3 * 24 * HOUR
"""The last 30 days are counted in cells of three days, the first of which may be cut off: 27 to 30 days."""
CELLS = 10
LONGEST_BY_HOURS = 8 * 24 * HOUR
"""Of a longer span at once, only the last eight days are counted hour by hour."""
MOST_OF_AN_HOUR = 4
"""Rows of one hour, and of one day of the long-term account: different prices, for example."""
MOST_UNBOOKED = 24
"""Rows of hours that wait to be booked; beyond that, because nobody may book them, the oldest are merged."""


class Day(NamedTuple):
    """The present day in the time zone of the pool's budget, as two instants in Unix seconds."""

    began_at: float
    ends_at: float


class Past(NamedTuple):
    """Rows that do not change any more, in a tenth of the room: a pool keeps them in memory for weeks."""

    packed: bytes = b""
    units: tuple[Unit, ...] = ()

    def rows(self) -> Rows:
        """The rows, with about seven digits of each amount."""
        return tuple(
            Row(number, self.units[place], Amounts(*amounts))
            for number, place, *amounts in RECORD.iter_unpack(self.packed)
        )


RECORD = struct.Struct(f"<IB{len(Amounts._fields)}f")
MOST_UNITS_KEPT = 255
NO_PAST = Past()


class Books(NamedTuple):
    """Four counts of the same seconds."""

    total: Rows = ()
    """Since the pool was first seen; the number is 0."""
    today: Rows = ()
    """Since the present day began; the number is 0."""
    cell: Rows = ()
    """Of the running cell of CELL_SECONDS."""
    past: Past = NO_PAST
    """Of the cells before, as far as they are among the last 30 days."""
    hours: Rows = ()
    """By hours that are not booked yet, the running one included."""
    booked: int = 0
    """The last hour that is booked: what is found later for it, or for an hour before, counts in the next."""


def as_past(rows: Rows) -> Past:
    """Rows as they are kept."""
    units = tuple(dict.fromkeys(row.unit for row in rows))[:MOST_UNITS_KEPT]
    packed = b"".join(
        RECORD.pack(row.number, units.index(row.unit), *row.amounts) for row in rows if row.unit in units
    )
    return Past(packed, units)


def month(books: Books, now: float) -> Rows:
    """The rows of the last 30 days by cells, the running one included."""
    oldest = number_of(now, CELL_SECONDS) - CELLS
    return tuple(row for row in (*books.past.rows(), *books.cell) if row.number > oldest)


def charge(books: Books, day: Day, begin: float, end: float, unit: Unit, amounts: Amounts) -> Books:
    """The books with amounts that were counted evenly between two instants."""
    for first, last in _spans(begin, end, day):
        share = (last - first) / (end - begin)
        books = _enter(books, day, first, unit, amounts if share == 1.0 else amounts.times(share))
    return books


def begin_day(books: Books) -> Books:
    """The books at the begin of a new day."""
    return books._replace(today=())


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
    cell = number_of(at, CELL_SECONDS)
    if books.cell and cell != books.cell[-1].number:
        books = _shifted(books, cell)
    return Books(
        enter(books.total, 0, unit, amounts),
        enter(books.today, 0, unit, amounts) if at >= day.began_at else books.today,
        enter(books.cell, books.cell[-1].number if books.cell else cell, unit, amounts),
        books.past,
        _bounded(enter(books.hours, hour, unit, amounts, MOST_OF_AN_HOUR)),
        books.booked,
    )


def _shifted(books: Books, cell: int) -> Books:
    """The books once this cell is the running one; what is found later for one before counts in it."""
    if not books.cell or books.cell[-1].number >= cell:
        return books
    kept = month(books, cell * CELL_SECONDS)
    return books._replace(cell=(), past=as_past(kept))


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
    return (mixed(second, first), *rest)
