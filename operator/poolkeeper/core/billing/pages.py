"""The pages of the long-term account: one per pool, with its hours of the last days and its days of a year.

A page is one short string, as the meter is in a status. It outlasts its pool: what was deleted stays billed.
"""

import json
import zlib
from base64 import b64encode
from typing import Any, NamedTuple

from poolkeeper.core.billing.amounts import HOUR, Rows, Unit, enter, number_of
from poolkeeper.core.billing.books import MOST_OF_AN_HOUR
from poolkeeper.core.billing.kept import (
    LATEST,
    LONGEST_NAME,
    TENTHS,
    decoded,
    rows_from_json,
    tenths,
    unit_from_json,
    unit_to_json,
    whole,
)

PREFIX = "1:"
MOST_TEXT = 262_144
"""Bytes of JSON that are read at most; what is written of a pool that runs in every hour of a year has about
40,000."""
HOURS_KEPT = 8 * 24
DAYS_KEPT = 400
HOURS_A_DAY = 24
MOST_HOURS = (HOURS_KEPT + HOURS_A_DAY) * MOST_OF_AN_HOUR
MOST_DAYS = (DAYS_KEPT + 1) * MOST_OF_AN_HOUR
"""Rows that are read at most, and written: whole days are moved from hours to days."""


class Page(NamedTuple):
    """The account of one pool."""

    namespace: str
    name: str
    since: float
    """Since when the pool is billed, in Unix seconds."""
    until: float
    """Up to when it is booked here: the end of the last hour, or the deletion of the pool."""
    is_gone: bool
    """Whether the pool was deleted."""
    most: int
    """`replicas.max` of the pool: how many replicas a fixed fleet would have."""
    unit: Unit | None
    """What one replica of that fleet would hold and cost."""
    hours: Rows = ()
    """Rows of the last HOURS_KEPT hours; the number counts the hours since 1970."""
    days: Rows = ()
    """Rows of the days before, in UTC; the number counts the days since 1970."""


def book(page: Page, rows: Rows) -> Page:
    """The page with these hours. Hours that it has already are replaced, so that booking twice counts once;
    those that are old are added up to days."""
    new = {row.number for row in rows}
    hours = [row for row in page.hours if row.number not in new]
    hours = sorted([*hours, *rows], key=lambda row: row.number)
    # Whole days at a time, so that a day is never partly in hours and partly in a day.
    first_day = (number_of(page.until, HOUR) - HOURS_KEPT) // HOURS_A_DAY
    days = tuple(row for row in page.days if row.number >= first_day - DAYS_KEPT)
    for row in hours:
        if row.number // HOURS_A_DAY < first_day:
            days = enter(days, row.number // HOURS_A_DAY, row.unit, row.amounts, MOST_OF_AN_HOUR)
    kept = tuple(row for row in hours if row.number // HOURS_A_DAY >= first_day)
    return page._replace(hours=kept, days=days)


def shortened(page: Page) -> Page:
    """The page with the older half of its rows left out, where there is no room for all."""
    return page._replace(days=page.days[len(page.days) // 2 + 1 :], hours=page.hours[len(page.hours) // 8 :])


def to_text(page: Page) -> str:
    """The page as a string."""
    units: dict[Unit, int] = {}

    def packed(rows: Rows) -> list[list[int]]:
        return [
            [row.number, units.setdefault(row.unit, len(units)), *map(tenths, row.amounts)] for row in rows
        ]

    unit = -1 if page.unit is None else units.setdefault(page.unit, 0)
    kept: dict[str, Any] = {
        "pool": [page.namespace, page.name],
        "span": [tenths(page.since), tenths(page.until), int(page.is_gone)],
        "fleet": [page.most, unit],
        "hours": packed(page.hours),
        "days": packed(page.days),
    }
    kept["units"] = [unit_to_json(each) for each in units]
    text = json.dumps(kept, separators=(",", ":"))
    if len(text) > MOST_TEXT:
        return to_text(shortened(page))
    return PREFIX + b64encode(zlib.compress(text.encode())).decode()


def is_of_another_version(text: str) -> bool:
    """Whether another version of the operator wrote the text, which keeps it: an older one runs for a while
    only."""
    form, colon, _ = text.partition(":")
    return bool(colon) and form.isascii() and form.isdigit() and f"{form}:" != PREFIX


def from_text(text: object) -> Page | None:
    """The page that `to_text` made this string of; None for anything else."""
    try:
        return _read(decoded(text, PREFIX, MOST_TEXT))
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError, zlib.error):
        return None


def _read(kept: dict[str, Any]) -> Page:
    namespace, name = (_name(each) for each in kept["pool"])
    since, until, is_gone = kept["span"]
    most, unit = kept["fleet"]
    units = [unit_from_json(each) for each in kept["units"][: MOST_HOURS + MOST_DAYS + 1]]
    place = whole(unit, -1)
    return Page(
        namespace,
        name,
        since=whole(since, 0, TENTHS * LATEST) / TENTHS,
        until=whole(until, 0, TENTHS * LATEST) / TENTHS,
        is_gone=whole(is_gone, 0, 1) == 1,
        most=whole(most, 0, 100_000),
        unit=None if place < 0 else units[place],
        hours=rows_from_json(kept["hours"][:MOST_HOURS], units),
        days=rows_from_json(kept["days"][:MOST_DAYS], units),
    )


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise TypeError("not a name")
    return value
