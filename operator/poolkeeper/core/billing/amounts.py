"""What is counted, and what one unit of it costs.

Seconds are those of replicas. A replica that holds 4 chips at $2.70 per chip and hour costs $10.80 for an
hour in any state; with 300 W per chip the same hour takes 1,200 Wh.
"""

import math
import struct
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

HOUR = 3600.0
MICRO = 1_000_000
"""Money is counted in millionths of a dollar."""
MOST_UNITS = 8
"""Different units within one span of time, such as prices; beyond these, the two oldest of one class are
mixed."""


class Unit(NamedTuple):
    """What one replica holds, and what that costs. None is unknown, which is never the same as nothing."""

    accelerator_class: str
    """Name of the AcceleratorClass."""
    chips: int | None
    """Chips of one replica, over all of its pods."""
    micro_dollars_per_hour: int | None
    """Price of one chip."""
    watts: int | None
    """Design power of one chip."""


class Amounts(NamedTuple):
    """Seconds of replicas by state, and those of the replicas that other policies would have had."""

    starting: float = 0.0
    """From the moment at which a replica has a node until it takes requests."""
    busy: float = 0.0
    """It works on at least one request."""
    idle: float = 0.0
    """It works on none; one that is being terminated and works on none is among these."""
    unknown: float = 0.0
    """It takes requests, and whether it works can't be seen."""
    tail: float = 0.0
    """The node is still paid for after the replica has gone."""
    estimated: float = 0.0
    """How many of the seconds above were not seen, but concluded: the operator or its watch was down."""
    keda: float = 0.0
    """Replicas that KEDA's defaults would have had for the same requests, with their tails."""
    knative: float = 0.0
    """Replicas that Knative's defaults would have had for the same requests, with their tails."""

    @property
    def paid(self) -> float:
        """Replica-seconds that were paid for, in any state."""
        return self.starting + self.busy + self.idle + self.unknown + self.tail

    def plus(self, other: "Amounts") -> "Amounts":
        """Both together."""
        return Amounts(*[mine + its if its else mine for mine, its in zip(self, other, strict=True)])

    def times(self, factor: float) -> "Amounts":
        """Each multiplied."""
        return Amounts(*[each * factor if each else each for each in self])


STATES = Amounts._fields[:5]
"""The states of a replica, of which it is always in one."""
BASELINES = Amounts._fields[6:]
NOTHING = Amounts()


class _Packed(NamedTuple):
    number: int
    unit: Unit
    packed: bytes


class Row(_Packed):
    """What was counted in one span of time, such as an hour, for one unit. The amounts are kept packed, in a
    third of the room: each pool has some rows in memory."""

    __slots__ = ()

    def __new__(cls, number: int, unit: Unit, amounts: Amounts) -> "Row":
        """`number` says which span: the hours since 1970, for example."""
        return super().__new__(cls, number, unit, _AMOUNTS.pack(*amounts))

    @property
    def amounts(self) -> Amounts:
        """The seconds."""
        return Amounts(*_AMOUNTS.unpack(self.packed))


_AMOUNTS = struct.Struct(f"<{len(Amounts._fields)}d")
Rows = tuple[Row, ...]
"""By their numbers, oldest first."""


def enter(rows: Rows, number: int, unit: Unit, amounts: Amounts, most: int = MOST_UNITS) -> Rows:
    """The rows with these amounts added to the right one; at most so many of one span are kept."""
    at, same = 0, []
    for place in range(len(rows) - 1, -1, -1):
        row = rows[place]
        if row.number == number and row.unit == unit:
            return (*rows[:place], Row(number, unit, row.amounts.plus(amounts)), *rows[place + 1 :])
        if row.number < number:
            at = place + 1
            break
        if row.number == number:
            same.append(row)
    before, after = rows[:at], rows[at:]
    if len(same) >= most:
        before, after = rows[:at], _mixed(same, most - 1) + rows[at + len(same) :]
    return (*before, Row(number, unit, amounts), *after)


def _mixed(oldest_first: list[Row], most: int) -> Rows:
    """So many rows instead of more, the newest first: the oldest two of one kind become one."""
    left = list(oldest_first)
    while len(left) > most:
        pairs = (pair for pair in combinations(left, 2) if is_alike(pair[0].unit, pair[1].unit))
        first, second = next(pairs, (left[0], left[1]))
        left[left.index(first)] = mixed(first, second)
        left.remove(second)
    return tuple(reversed(left))


def is_alike(one: Unit, other: Unit) -> bool:
    """Whether units are of one class, and the same is known of both."""
    known = [[each is not None for each in unit[1:]] for unit in (one, other)]
    return one.accelerator_class == other.accelerator_class and known[0] == known[1]


def mixed(one: Row, other: Row) -> Row:
    """Two rows as one of the first one's span. Of units that are alike, chip-seconds, dollars and watt-hours
    are together what they were: price and watts are the mean, weighted by the chip-seconds.

    Example: 1 h of 1 chip at $1.00 and 1 h of 2 chips at $4.00 become 3 h of 1 chip at $3.00.
    """
    unit, its = one.unit, other.amounts
    if not is_alike(unit, other.unit):
        return Row(one.number, unit, one.amounts.plus(its))
    if unit.chips and other.unit.chips is not None:
        its = its.times(other.unit.chips / unit.chips)
    amounts = one.amounts.plus(its)
    share = min(max(its.paid / amounts.paid, 0.0), 1.0) if amounts.paid > 0.0 else 0.0

    def mean(mine: int | None, theirs: int | None) -> int | None:
        return None if mine is None or theirs is None else round(mine + (theirs - mine) * share)

    price = mean(unit.micro_dollars_per_hour, other.unit.micro_dollars_per_hour)
    return Row(one.number, Unit(*unit[:2], price, mean(unit.watts, other.unit.watts)), amounts)


class Sums(NamedTuple):
    """Rows added up over units, in units that can be added."""

    chip_seconds: Amounts = NOTHING
    """Of the rows whose chips are known."""
    micro_dollars: Amounts = NOTHING
    """Of the rows whose chips and price are known."""
    watt_hours: Amounts = NOTHING
    """Of the rows whose chips and power are known."""
    unsized: float = 0.0
    """Replica-seconds whose chips are not known."""
    unpriced: float = 0.0
    """Chip-seconds whose price is not known."""
    unpowered: float = 0.0
    """Chip-seconds whose power is not known."""

    @property
    def dollars_are_known(self) -> bool:
        """Whether `micro_dollars` is all that was paid."""
        return not (self.unsized or self.unpriced)


def summed(rows: Iterable[Row]) -> Sums:
    """Rows as seconds of chips, dollars and watt-hours."""
    total = Sums()
    for row in rows:
        unit, amounts = row.unit, row.amounts
        if unit.chips is None:
            total = total._replace(unsized=total.unsized + amounts.paid)
            continue
        chips = amounts.times(unit.chips)
        total = total._replace(chip_seconds=total.chip_seconds.plus(chips))
        if unit.micro_dollars_per_hour is None:
            total = total._replace(unpriced=total.unpriced + chips.paid)
        else:
            dollars = chips.times(unit.micro_dollars_per_hour / HOUR)
            total = total._replace(micro_dollars=total.micro_dollars.plus(dollars))
        if unit.watts is None:
            total = total._replace(unpowered=total.unpowered + chips.paid)
        else:
            total = total._replace(watt_hours=total.watt_hours.plus(chips.times(unit.watts / HOUR)))
    return total


def number_of(at: float, span_seconds: float) -> int:
    """Which span of this length an instant is in."""
    return math.floor(at / span_seconds)
