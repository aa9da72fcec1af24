"""What an hour of an accelerator costs, from the catalogue of AcceleratorClasses."""

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue
from poolkeeper.core.values.unit_cost import MICRO_DOLLARS, unit_cost


class ClassUnknown(Exception):
    """The catalogue has no such class, or no price for it; the text says what to do."""


def dollars_per_hour(name: str, chips_per_replica: int) -> float:
    """An hour of one replica at the lowest on-demand list price of a class; a part of a chip has its share of
    the chip's price. Raises ClassUnknown."""
    classes = {
        manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
        for manifest in catalogue()
    }
    if name not in classes:
        raise ClassUnknown(f"--class {name} is not in the catalogue; there are {', '.join(sorted(classes))}")
    cost = unit_cost(classes[name], classes).micro_dollars_per_hour
    if cost is None:
        raise ClassUnknown(
            f"--class {name} has no price in the catalogue; leave --class out and use the hours"
        )
    return chips_per_replica * cost / MICRO_DOLLARS
