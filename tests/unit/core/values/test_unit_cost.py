"""What one unit of a class costs and draws."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue
from poolkeeper.core.values.unit_cost import UnitCost, unit_cost

UNKNOWN = UnitCost(None, None)


def price(amount: str, **more: Any) -> dict[str, Any]:
    return {"name": f"{amount}{more}"[:63], "amount": amount, "source": "a list", "date": "2026", **more}


def class_of(*prices: dict[str, Any], **more: Any) -> AcceleratorClassSpec:
    return AcceleratorClassSpec.model_validate({"vendor": "V", "displayName": "D", "prices": prices, **more})


def part_of(name: str, parts: int | None, **more: Any) -> AcceleratorClassSpec:
    part: dict[str, Any] = {"class": name, "kind": "TimeSliced"}
    return class_of(partOf=part if parts is None else {**part, "partsPerChip": parts}, **more)


H100 = class_of(price("55.04", chips=8), price("1.5", market="Spot"), wattsPerChip=700)

COSTS: dict[str, tuple[AcceleratorClassSpec, UnitCost]] = {
    "says nothing": (class_of(), UNKNOWN),
    "per chip of a machine": (H100, UnitCost(6_880_000, 700)),
    "the cheapest": (class_of(price("3"), price("2.5")), UnitCost(2_500_000, None)),
    "spot where the class says so": (
        class_of(price("3"), price("1", market="Spot"), market="Spot"),
        UnitCost(1_000_000, None),
    ),
    "reserved where the class says so": (
        class_of(price("3"), price("2", market="Reserved"), market="Reserved"),
        UnitCost(2_000_000, None),
    ),
    "no spot price is not the price on demand": (class_of(price("3"), market="Spot"), UNKNOWN),
    "another currency": (class_of(price("3", currency="EUR")), UNKNOWN),
    "what the owner pays": (class_of(price("3"), dollarsPerChipHour="4.25"), UnitCost(4_250_000, None)),
    "free is not unknown": (class_of(dollarsPerChipHour="0"), UnitCost(0, None)),
    "rounded up": (class_of(price("1", chips=3)), UnitCost(333_334, None)),
    "smaller than a micro-dollar": (class_of(price("0.000000001")), UnitCost(1, None)),
    "no number": (class_of(price("cheap")), UNKNOWN),
    "digits of another script": (class_of(price("٣.٥")), UNKNOWN),
    "a part has its share": (part_of("h100", 7), UnitCost(982_858, 100)),
    "of a part, its share": (part_of("slice", 2), UnitCost(491_429, 50)),
    "a part with a price of its own": (part_of("h100", 7, dollarsPerChipHour="1"), UnitCost(1_000_000, 100)),
    "a part of an unknown class": (part_of("none", 7), UNKNOWN),
    "nobody says how many parts": (part_of("h100", None), UNKNOWN),
    "a part of itself": (part_of("circle", 2), UNKNOWN),
}
CLASSES = {"h100": H100, "slice": part_of("h100", 7), "circle": part_of("circle", 2)}


@pytest.mark.parametrize("case", COSTS)
def test_cost(case: str) -> None:
    spec, cost = COSTS[case]

    assert unit_cost(spec, CLASSES) == cost


def test_a_part_alone_is_unknown() -> None:
    assert unit_cost(part_of("h100", 7)) == UNKNOWN


@given(st.decimals(min_value=0, max_value=999_999_999, places=6), st.integers(1, 64), st.integers(1, 64))
def test_parts_never_cost_less_than_the_whole(amount: Any, chips: int, parts: int) -> None:
    whole = class_of(price(str(amount), chips=chips), wattsPerChip=chips)
    of_whole, of_part = unit_cost(whole), unit_cost(part_of("whole", parts), {"whole": whole})

    assert of_whole.micro_dollars_per_hour is not None
    assert of_part.micro_dollars_per_hour is not None
    assert 0 <= of_part.micro_dollars_per_hour * parts - of_whole.micro_dollars_per_hour < parts
    assert 0 <= of_whole.micro_dollars_per_hour * chips - int(amount * 1_000_000) < chips


@given(st.text(min_size=1, max_size=20))
def test_any_text_as_amount(amount: str) -> None:
    assert (unit_cost(class_of(price(amount))).micro_dollars_per_hour or 0) >= 0


@pytest.mark.parametrize("manifest", catalogue(), ids=lambda manifest: manifest["metadata"]["name"])
def test_every_price_on_demand_of_the_catalogue_counts(manifest: dict[str, Any]) -> None:
    spec = AcceleratorClassSpec.model_validate(manifest["spec"])
    is_priced = any(price.market == "OnDemand" for price in spec.prices)

    assert (unit_cost(spec).micro_dollars_per_hour is not None) == is_priced
