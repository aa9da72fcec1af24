"""What one unit of an accelerator class costs and draws: the basis of bills, budgets and caps.

Money is counted in whole micro-dollars (1,000,000 are one dollar). What a class does not say is None, which
is never the same as free.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Period, Price

MICRO_DOLLARS = 1_000_000
DEEPEST_PART = 3
"""A time-sliced MIG slice of a chip has two wholes above it; a longer chain, or a circle, is unknown."""

Classes = Mapping[str, AcceleratorClassSpec]
NO_CLASSES: Classes = MappingProxyType({})


class UnitCost(NamedTuple):
    """One unit of a class's resource for an hour. A class without a resource counts vCPUs."""

    micro_dollars_per_hour: int | None
    """None where the class has no price in US dollars in its market."""
    watts: int | None
    """Design power; None where the class does not say it."""


UNKNOWN = UnitCost(None, None)


def unit_cost(spec: AcceleratorClassSpec, classes: Classes = NO_CLASSES) -> UnitCost:
    """What the owner pays (`dollarsPerChipHour`), else the cheapest list price of the class's market.

    What a part of a chip does not say itself is its share of what the class of the whole chip says, which is
    looked up in `classes` by name. For example one of 7 MIG slices of a GPU at $6.88 and 700 W costs
    $0.982858 and draws 100 W. Shares are rounded up: the parts never add up to less than the whole.
    """
    return _unit_cost(spec, classes, DEEPEST_PART)


def read_for(spec: AcceleratorClassSpec, classes: Classes) -> tuple[AcceleratorClassSpec, ...]:
    """The classes that the cost of one unit may be read from: while they stay, it stays."""
    found = [spec]
    for _ in range(DEEPEST_PART):
        part = found[-1].part_of
        whole = classes.get(part.class_) if part else None
        if whole is None:
            break
        found.append(whole)
    return tuple(found)


def _unit_cost(spec: AcceleratorClassSpec, classes: Classes, depth: int) -> UnitCost:
    share = _share_of_whole(spec, classes, depth) if spec.part_of else UNKNOWN
    paid, watts = _own_price(spec), spec.watts_per_chip
    return UnitCost(
        micro_dollars_per_hour=share.micro_dollars_per_hour if paid is None else paid,
        watts=share.watts if watts is None else watts,
    )


def _share_of_whole(spec: AcceleratorClassSpec, classes: Classes, depth: int) -> UnitCost:
    part = spec.part_of
    whole = classes.get(part.class_) if part else None
    if part is None or whole is None or part.parts_per_chip is None or depth == 0:
        return UNKNOWN
    cost = _unit_cost(whole, classes, depth - 1)
    return UnitCost(*(None if each is None else _divided(each, part.parts_per_chip) for each in cost))


def _own_price(spec: AcceleratorClassSpec) -> int | None:
    if spec.dollars_per_chip_hour is not None:
        return micro_dollars(spec.dollars_per_chip_hour)
    return min(_list_prices(spec), default=None)


def _list_prices(spec: AcceleratorClassSpec) -> Iterator[int]:
    for price in spec.prices:
        if price.market is spec.market and (found := chip_price(price)) is not None:
            yield found


def chip_price(price: Price) -> int | None:
    """A list price for one chip, in micro-dollars per hour; None where it isn't in US dollars per hour."""
    amount = micro_dollars(price.amount)
    if amount is None or price.currency != "USD" or price.period is not Period.HOUR:
        return None
    return _divided(amount, price.chips)


def micro_dollars(amount: str) -> int | None:
    """Micro-dollars of a decimal like "2.70", rounded up; None where it is no such decimal."""
    whole, _, fraction = amount.partition(".")
    if not (whole.isascii() and whole.isdecimal()) or not f"0{fraction}".isdecimal() or not amount.isascii():
        return None
    return _divided(int(whole + fraction) * MICRO_DOLLARS, 10 ** len(fraction))


def _divided(amount: int, by: int) -> int:
    """Rounded up."""
    return -(-amount // by)
