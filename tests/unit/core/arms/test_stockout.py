"""A stock-out of the preferred class for an hour, simulated: few requests are late, at little more cost than
with perfect knowledge of what has capacity. `python -m hack.bench policy.stockout` runs more of it."""

import pytest

from hack.bench.policy.measures.stockout import FAMILIES, L4, LENGTH, World, compared


@pytest.mark.parametrize("family", ["sparse", "two classes short"])
def test_a_stock_out_makes_few_requests_late_and_costs_little(family: str) -> None:
    found = compared(FAMILIES[family], seed=0)
    assert found.without.late > 20, "the stock-out hurts a pool without fallbacks"
    assert found.late_share <= 0.10
    assert found.cost_ratio <= 1.15
    assert found.with_fallbacks.killed == 0
    assert found.with_fallbacks.asked_in_vain <= 20, "an hour without capacity causes no storm"


def test_without_a_stock_out_the_fallback_is_seldom_needed() -> None:
    family = FAMILIES["bursts"]
    classes = [L4, *family.classes[1:]]
    arrivals = [60.0 + 300.0 * number for number in range(12) for _ in range(5)]
    world = World(family.spec, classes, arrivals, family.service_seconds, seed=0)
    assert world.run(LENGTH / 4).killed == 0
    assert not any(numbers[1] for _, numbers, _ in world.log)
