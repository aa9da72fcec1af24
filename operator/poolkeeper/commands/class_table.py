"""What `poolkeeper classes` shows of each class: a row of text, or an entry in JSON and YAML."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from poolkeeper.advice.nodes import Match
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Price
from poolkeeper.core.values.unit_cost import DEEPEST_PART, MICRO_DOLLARS, chip_price, unit_cost

NONE, UNKNOWN = "<none>", "<unknown>"
"""As kubectl writes what an object does not have, and what can't be known."""
HEADINGS = (
    "NAME",
    "VENDOR",
    "RESOURCE",
    "MEMORY",
    "WATTS",
    "PRICE/CHIP-H",
    "MARKET",
    "DATE",
    "NODES",
    "UNITS",
)
WIDE_HEADINGS = ("ACCELERATOR", "AVAILABILITY", "PURPOSE", "PART OF", "UNVERIFIED", "NODE NAMES")
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Listed:
    """A class, and the nodes that are of it; None where nodes could not be read."""

    name: str
    spec: AcceleratorClassSpec
    matches: Sequence[Match] | None = None


class Offer(NamedTuple):
    """What a chip, or the part of a chip, costs in an hour, and where the figure is from."""

    dollars: str
    market: str
    date: str


def table(listed: Sequence[Listed], classes: Mapping[str, AcceleratorClassSpec], *, wide: bool) -> str:
    """The classes as kubectl writes a table. `classes` has also those that are not listed, by name."""
    rows = [(*HEADINGS, *(WIDE_HEADINGS if wide else ()))]
    rows += [(*_row(each, classes), *(_wide(each.spec, each.matches) if wide else ())) for each in listed]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "   ".join(_printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _printable(cell: str) -> str:
    """Texts of a class may hold anything, also what controls a terminal."""
    return "".join(each if each.isprintable() else "?" for each in cell)


def entry(listed: Listed, classes: Mapping[str, AcceleratorClassSpec]) -> dict[str, Any]:
    """One class for JSON and YAML. What is not known is absent; `nodes` too, where they could not be read."""
    spec, offer = listed.spec, offer_of(listed.spec, classes)
    found: dict[str, Any] = {
        "name": listed.name,
        "vendor": spec.vendor,
        "displayName": spec.display_name,
        "availability": spec.availability.value,
        "purpose": spec.purpose.value,
        "partOf": spec.part_of.class_ if spec.part_of else None,
        "resourceName": spec.resource_name,
        "memoryGiBPerChip": spec.memory_gib_per_chip,
        "wattsPerChip": unit_cost(spec, classes).watts,
        "dollarsPerChipHour": offer.dollars if offer else None,
        "market": offer.market if offer else None,
        "date": (offer.date or None) if offer else None,
        "unverified": list(unverified(spec)) or None,
    }
    if listed.matches is not None:
        found["nodes"] = [
            {"name": each.node, "units": each.units, **({} if each.is_sure else {"isSure": False})}
            for each in listed.matches
        ]
    return {key: value for key, value in found.items() if value is not None}


def offer_of(spec: AcceleratorClassSpec, classes: Mapping[str, AcceleratorClassSpec]) -> Offer | None:
    """The price that counts for one chip, or one part of it; None where there is none."""
    cost = unit_cost(spec, classes).micro_dollars_per_hour
    if cost is None:
        return None
    whole = spec
    for _ in range(DEEPEST_PART):
        if whole.dollars_per_chip_hour is not None:
            return Offer(dollars(cost), "Paid", "")
        if price := _cheapest(whole):
            return Offer(dollars(cost), price.market.value, price.date)
        if whole.part_of is None or whole.part_of.class_ not in classes:
            break
        whole = classes[whole.part_of.class_]
    return Offer(dollars(cost), UNKNOWN, "")


def dollars(micro_dollars: int) -> str:
    """At least two decimals, at most six: 6.88, 0.982858."""
    whole, fraction = divmod(micro_dollars, MICRO_DOLLARS)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals}"


def unverified(spec: AcceleratorClassSpec) -> Iterator[str]:
    """The figures that are second-hand, or only announced."""
    yield from (source.figure for source in spec.sources if not source.verified)
    yield from (f"prices[{price.name}]" for price in spec.prices if not price.verified)


def _cheapest(spec: AcceleratorClassSpec) -> Price | None:
    priced = [(chip_price(price), price) for price in spec.prices if price.market is spec.market]
    return min(
        ((cost, price) for cost, price in priced if cost is not None),
        key=lambda each: each[0],
        default=(0, None),
    )[1]


def _row(listed: Listed, classes: Mapping[str, AcceleratorClassSpec]) -> tuple[str, ...]:
    spec, offer = listed.spec, offer_of(listed.spec, classes)
    watts = unit_cost(spec, classes).watts
    return (
        listed.name,
        spec.vendor,
        spec.resource_name or NONE,
        f"{spec.memory_gib_per_chip}Gi" if spec.memory_gib_per_chip else NONE,
        NONE if watts is None else f"{watts}",
        f"${offer.dollars}" if offer else NONE,
        offer.market if offer else NONE,
        (offer.date or NONE) if offer else NONE,
        *_nodes(listed.matches),
    )


def _nodes(matches: Sequence[Match] | None) -> tuple[str, str]:
    """How many nodes, and units on them; with a question mark where a label to know them by is missing."""
    if matches is None:
        return UNKNOWN, UNKNOWN
    mark = "" if all(each.is_sure for each in matches) else "?"
    return f"{len(matches)}{mark}", f"{sum(each.units for each in matches)}{mark}"


def _wide(spec: AcceleratorClassSpec, matches: Sequence[Match] | None) -> tuple[str, ...]:
    names = [each.node for each in matches or ()]
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return (
        spec.display_name,
        spec.availability.value,
        spec.purpose.value,
        spec.part_of.class_ if spec.part_of else NONE,
        ",".join(unverified(spec)) or NONE,
        (",".join(names[:NAMES_SHOWN]) + more) or NONE,
    )
