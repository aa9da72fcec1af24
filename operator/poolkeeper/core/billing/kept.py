"""The meter of a pool as one short string for its status, and back.

JSON of integers, compressed, in base64, after a prefix that names the form; only the operator reads it.
Seconds are kept in tenths.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any

from poolkeeper.core.billing.amounts import HOUR, Amounts, Row, Rows, Unit
from poolkeeper.core.billing.books import CELLS, MOST_UNBOOKED, Books, Day, as_past, month
from poolkeeper.core.billing.meter import Meter, resumed
from poolkeeper.core.billing.occupancy import MOST_TAILS, Group, Running, Tail

PREFIX = "1:"
MOST_TEXT = 32_768
"""Bytes of JSON that are read at most."""
MOST_UNITS = 256
"""Different units that are read at most; what is written has at most 200: 8 in total, today and in each of 10
cells, 24 in hours, and those of what runs."""
MOST_REPLICAS = 100_000
MOST_GROUPS = 64
TENTHS = 10
LONGEST_NAME = 253
LAST_CELL = 2**31
LATEST = 10**11
"""No instant or number of seconds is later or greater: the year 5138."""


def to_text(meter: Meter) -> str:
    """The meter as a string: some 300 bytes, at most about 4 KiB. What the pods show again is left out."""
    units: dict[Unit, int] = {}
    running, books = meter.running, meter.books

    def place(unit: Unit) -> int:
        return units.setdefault(unit, len(units))

    kept: dict[str, Any] = {
        "at": [tenths(each) for each in (meter.first_at, meter.at, *meter.day)],
        "busy": -1 if running.busy is None else running.busy,
        "groups": [[place(unit), starting, serving] for unit, starting, serving in running.groups],
        "tails": [[tenths(until), place(unit), replicas] for until, unit, replicas in running.tails],
        "booked": books.booked,
    }
    shown = {
        "total": books.total,
        "today": books.today,
        "month": month(books, meter.at),
        "hours": books.hours,
    }
    for name, rows in shown.items():
        kept[name] = [[row.number, place(row.unit), *map(tenths, row.amounts)] for row in rows]
    kept["units"] = [unit_to_json(unit) for unit in units]
    text = json.dumps(kept, separators=(",", ":"))
    return PREFIX + b64encode(zlib.compress(text.encode())).decode()


def from_text(kept: object, now: float) -> Meter | None:
    """The meter that `to_text` made this string of, up to `now` at most; None for anything else: other
    clients may write statuses too."""
    try:
        return _read(decoded(kept, PREFIX, MOST_TEXT), now)
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError, zlib.error):
        return None


def decoded(kept: object, prefix: str, most: int) -> dict[str, Any]:
    """The JSON object in a text of this form. Raises ValueError, TypeError or zlib.error."""
    if not isinstance(kept, str) or not kept.startswith(prefix):
        raise ValueError("the text has another form")
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(b64decode(kept[len(prefix) :], validate=True), most)
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise ValueError("the text is too long, or cut off")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("the text holds no object")
    return found


def whole(value: object, least: int = 0, most: int = LATEST) -> int:
    """An integer between two bounds. Raises TypeError and ValueError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an integer")
    if not least <= value <= most:
        raise ValueError("an integer out of range")
    return value


def unit_to_json(unit: Unit) -> list[str | int]:
    """A unit as a list; -1 stands for what is not known."""
    return [unit.accelerator_class, *(-1 if each is None else each for each in unit[1:])]


def unit_from_json(value: Sequence[object]) -> Unit:
    """The unit. Raises TypeError and ValueError."""
    name, *numbers = value
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise TypeError("not the name of a class")
    chips, price, watts = (whole(each, -1, 10**12) for each in numbers)
    known = [None if each < 0 else each for each in (chips, price, watts)]
    return Unit(name, *known)


def amounts_from_json(values: Sequence[object]) -> Amounts:
    """Amounts of tenths of seconds. What was counted too much in an hour that is booked is taken from the
    next one, so an amount may be below 0. Raises TypeError, ValueError."""
    if len(values) != len(Amounts._fields):
        raise ValueError("other amounts are counted")
    return Amounts(*[whole(each, -TENTHS * LATEST, TENTHS * LATEST) / TENTHS for each in values])


def _read(kept: dict[str, Any], now: float) -> Meter:
    first_at, at, began_at, ends_at = (whole(each, 0, TENTHS * LATEST) / TENTHS for each in kept["at"])
    units = [unit_from_json(each) for each in kept["units"][:MOST_UNITS]]
    busy = whole(kept["busy"], -1)
    groups = tuple(
        Group(
            units[whole(place)],
            whole(starting, 0, MOST_REPLICAS),
            whole(serving, 0, MOST_REPLICAS),
        )
        for place, starting, serving in kept["groups"][:MOST_GROUPS]
    )
    tails = tuple(
        Tail(
            whole(until, 0, TENTHS * LATEST) / TENTHS,
            units[whole(place)],
            whole(replicas, 0, MOST_REPLICAS),
        )
        for until, place, replicas in kept["tails"][:MOST_TAILS]
    )
    lengths = {"total": MOST_UNITS, "today": MOST_UNITS, "month": CELLS * MOST_UNITS, "hours": MOST_UNBOOKED}
    rows = {name: rows_from_json(kept[name][:most], units) for name, most in lengths.items()}
    last = min(max((row.number for row in rows["month"]), default=0), LAST_CELL)
    meter = Meter(
        first_at=min(first_at, now),
        at=min(at, now),
        day=Day(began_at, ends_at),
        running=Running(groups, None if busy < 0 else busy, tails),
        books=Books(
            total=rows["total"],
            today=rows["today"],
            cell=tuple(row for row in rows["month"] if row.number == last),
            past=as_past(tuple(row for row in rows["month"] if row.number < last)),
            hours=rows["hours"],
            booked=min(whole(kept["booked"]), int(now // HOUR)),
        ),
    )
    return resumed(meter)


def rows_from_json(values: Iterable[Sequence[Any]], units: Sequence[Unit]) -> Rows:
    """Rows by their numbers. Raises LookupError, TypeError and ValueError."""
    found = [
        Row(whole(number), units[whole(place)], amounts_from_json(amounts))
        for number, place, *amounts in values
    ]
    return tuple(sorted(found, key=lambda row: row.number))


def tenths(seconds: float) -> int:
    """Seconds as they are kept."""
    return round(seconds * TENTHS)
