"""What one replica of a pool uses of a quota."""

from collections.abc import Mapping

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.core.quota.quota import Measure, Part, Quota, Unit
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.core.values.unit_cost import UNKNOWN, UnitCost, unit_cost

Classes = Mapping[str, AcceleratorClassSpec]
ASSUMED_CHIPS = 1
"""Of a replica whose chips are not known, until they are."""
_FIGURES = {Unit.WATTS: "wattsPerChip", Unit.MICRO_DOLLARS: "price (dollarsPerChipHour, or one in prices)"}


def part_of(quota: Quota, share: int, name: str, size: ReplicaSize, classes: Classes) -> Part:
    """How replicas of this size, on the class of this name, take part in a quota.

    Where a figure is missing, nothing may be added, since an unknown figure is not zero. The replicas that
    the pool has all the same count with the largest figure of any class.
    """
    accelerator = classes.get(name)
    chips, unknown = size.chips, ""
    counted = "chips" if accelerator is None or accelerator.resource_name else "vCPUs"
    cost = unit_cost(accelerator, classes) if accelerator else UNKNOWN
    use = []
    for measure in quota.measures:
        if measure.unit is Unit.CHIPS and measure.accelerator != name:
            use.append(0)
            continue
        figure = _figure(measure, cost)
        if chips is None:
            unknown = unknown or (
                f"it is not known how many {counted} a replica holds, because {size.unknown}: correct the "
                "pod template, see the condition PlacementMatches of the pool"
            )
        elif figure is None:
            unknown = unknown or f"AcceleratorClass {name} has no {_FIGURES[measure.unit]}: set it"
        use.append(
            (ASSUMED_CHIPS if chips is None else chips)
            * (_largest(measure, classes) if figure is None else figure)
        )
    return Part(share, tuple(use), unknown)


def _figure(measure: Measure, cost: UnitCost) -> int | None:
    """What one chip uses."""
    if measure.unit is Unit.CHIPS:
        return 1
    return cost.watts if measure.unit is Unit.WATTS else cost.micro_dollars_per_hour


def _largest(measure: Measure, classes: Classes) -> int:
    figures = (_figure(measure, unit_cost(each, classes)) for each in classes.values())
    return max((each for each in figures if each is not None), default=0)
