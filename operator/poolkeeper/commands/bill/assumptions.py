"""What a bill assumes, in sentences: each price with its source and date, tails, energy, what it is compared
with."""

from collections.abc import Iterable, Sequence

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.commands.bill.reading import Classes
from poolkeeper.core.billing.amounts import MICRO, Unit
from poolkeeper.core.billing.statement import Statement
from poolkeeper.core.values.unit_cost import chip_price, unit_cost

ALWAYS_ON = (
    "Always-on is a fixed fleet of spec.replicas.max for the whole span. KEDA and Knative are their defaults "
    "(poll 30 s, cooldown 300 s; stable window 60 s, grace 30 s) on the same requests, with the start and "
    "service times that the pool has learned and the same node tails. A minus is a loss."
)
ENERGY = "Energy is the design power of the chips in every state: an upper bound."
COUNTED = (
    "A replica is paid for from its node until its pod has gone, its node for nodeTailSeconds longer. "
    "The first hour counts whole."
)


def assumptions(statements: Iterable[Statement], classes: Classes, unreadable: int) -> Sequence[str]:
    """One sentence each."""
    statements = list(statements)
    units = {row.unit for each in statements for row in (*each.hours, *each.days)}
    # Units that differ in their number of chips only have one price.
    prices = dict.fromkeys(_price(unit, classes) for unit in sorted(units, key=str))
    found = [COUNTED, *prices, ENERGY, ALWAYS_ON]
    estimated, paid = 0.0, 0.0
    for each in statements:
        estimated += each.sums.chip_seconds.estimated
        paid += each.sums.chip_seconds.paid
    if paid and estimated / paid >= 0.001:
        found.append(
            f"{100 * estimated / paid:.1f} % of the accelerator time is estimated: it was not seen, because "
            "the operator was down, or because it is later than the last entry of the bill."
        )
    if unreadable:
        found.append(f"{unreadable} pages of the account can't be read and are not in here.")
    return found


def _price(unit: Unit, classes: Classes) -> str:
    name = unit.accelerator_class
    watts = "unknown power" if unit.watts is None else f"{unit.watts} W"
    if unit.micro_dollars_per_hour is None:
        return f"{name}: the price of a chip is unknown ({watts}). Set dollarsPerChipHour in the class."
    price = f"{name}: ${unit.micro_dollars_per_hour / MICRO:.6g} per chip and hour, {watts}"
    accelerator = classes.get(name)
    if accelerator is None:
        return f"{price}; the class is gone."
    if unit_cost(accelerator, classes).micro_dollars_per_hour != unit.micro_dollars_per_hour:
        return f"{price}; the class has another price by now."
    return f"{price}; {_source(accelerator)}."


def _source(accelerator: AcceleratorClassSpec) -> str:
    if accelerator.dollars_per_chip_hour is not None:
        return "set in the class by the cluster's owner"
    prices = [
        (amount, price.source, price.date)
        for price in accelerator.prices
        if price.market is accelerator.market and (amount := chip_price(price)) is not None
    ]
    if not prices:
        return "its share of the price of the whole chip"
    _, source, date = min(prices)
    return f"{source}, {date}"
