"""What an hour of an accelerator costs, from the catalogue of AcceleratorClasses."""

from typing import Any

from poolkeeper.api.catalogue import catalogue


class ClassUnknown(Exception):
    """The catalogue has no such class, or no price for it; the text says what to do."""


def dollars_per_hour(name: str, chips_per_replica: int) -> float:
    """An hour of one replica at the lowest on-demand list price of a class; raises ClassUnknown."""
    classes = {manifest["metadata"]["name"]: manifest["spec"] for manifest in catalogue()}
    if name not in classes:
        raise ClassUnknown(f"--class {name} is not in the catalogue; there are {', '.join(sorted(classes))}")
    prices = [
        _per_chip(price) for price in classes[name].get("prices", ()) if _is_on_demand_in_dollars(price)
    ]
    if not prices:
        raise ClassUnknown(
            f"--class {name} has no price in the catalogue; leave --class out and use the hours"
        )
    return chips_per_replica * min(prices)


def _is_on_demand_in_dollars(price: dict[str, Any]) -> bool:
    return bool(price.get("market", "OnDemand") == "OnDemand" and price.get("currency", "USD") == "USD")


def _per_chip(price: dict[str, Any]) -> float:
    return float(price["amount"]) / int(price.get("chips", 1))
