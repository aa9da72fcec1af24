"""What one pool was paid for in a span of time, and what other policies would have been."""

from typing import NamedTuple

from poolkeeper.core.billing.amounts import HOUR, MICRO, Row, Rows, Sums, Unit, number_of, summed
from poolkeeper.core.billing.books import Day
from poolkeeper.core.billing.meter import Meter, projected
from poolkeeper.core.billing.pages import HOURS_A_DAY, Page

NO_DAY = Day(0.0, 0.0)


class Source(NamedTuple):
    """What is known of one pool: its page, the meter of its status, or both."""

    namespace: str
    name: str
    page: Page | None
    meter: Meter | None
    """None for a pool that was deleted."""
    most: int
    """`replicas.max`."""
    unit: Unit | None
    """What one replica of a fixed fleet would hold and cost."""


class Statement(NamedTuple):
    """The bill of one pool."""

    namespace: str
    name: str
    is_gone: bool
    begin: float
    """In Unix seconds: the hour in which the span begins, or when the pool was first billed."""
    end: float
    hours: Rows
    days: Rows
    """For the part of the span that is older than the hours that are kept."""
    sums: Sums
    always_on: Unit | None
    """What one replica of a fixed fleet would hold and cost; None where that is not known."""
    most: int
    """Replicas of that fleet."""

    @property
    def fleet_chip_seconds(self) -> float | None:
        """Chip-seconds of a fixed fleet of `replicas.max` over the same span; None where unknown."""
        if self.always_on is None or self.always_on.chips is None:
            return None
        return self.most * self.always_on.chips * max(self.end - self.begin, 0.0)

    @property
    def fleet_micro_dollars(self) -> float | None:
        """What that fleet would have cost."""
        seconds, unit = self.fleet_chip_seconds, self.always_on
        if seconds is None or unit is None or unit.micro_dollars_per_hour is None:
            return None
        return seconds * unit.micro_dollars_per_hour / HOUR


def statement(source: Source, since: float, now: float) -> Statement | None:
    """The bill from the hour of `since` until now; None where nothing of the pool falls into that."""
    first, page = number_of(since, HOUR), source.page
    hours: dict[int, list[Row]] = {}
    for row in page.hours if page else ():
        hours.setdefault(row.number, []).append(row)
    end = page.until if page else 0.0
    begin = page.since if page else now
    if source.meter is not None:
        meter = projected(source.meter, now, NO_DAY)
        begin, end = min(begin, meter.first_at), now
        for row in meter.books.hours:
            hours[row.number] = [each for each in meter.books.hours if each.number == row.number]
    rows = tuple(row for number in sorted(hours) if number >= first for row in hours[number])
    days = tuple(row for row in (page.days if page else ()) if row.number * HOURS_A_DAY >= first)
    begin = max(begin, first * HOUR)
    if end <= begin:
        return None
    return Statement(
        source.namespace,
        source.name,
        source.meter is None,
        begin,
        end,
        rows,
        days,
        summed((*rows, *days)),
        source.unit,
        source.most,
    )


def dollars(micro_dollars: float) -> float:
    """Micro-dollars as dollars."""
    return micro_dollars / MICRO
