"""The comparison as JSON that is the same, byte for byte, whenever the same is compared."""

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from poolkeeper.backtest.comparison import Comparison, Results
from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.reporting.pools import PoolRow, deciding_pools

KEYS = {
    "late": "breaks",
    "late_percent": "breaks_percent",
    "avoidable_late_percent": "avoidable_breaks_percent",
    "unavoidable_late_percent": "unavoidable_breaks_percent",
}
"""Keys that differ from the names of the fields, because scripts of users read them."""
OF_A_TRACE = ("trace", "policy", "parameters", "pools")
"""Fields that the object of a single pool does not repeat."""


def as_json(comparison: Comparison, results: Results, pools: int = 0) -> str:
    """The rows as a JSON array of objects; what is unknown is null.

    With `pools`, each object has so many pools on their own under the key `by_pool`.
    """
    objects = [_object(row) | {"version": version("poolkeeper")} for row in results.rows]
    if pools:
        width = len(comparison.policies)
        for number, of_trace in enumerate(deciding_pools(comparison, results, pools)):
            for place in range(width):
                objects[number * width + place]["by_pool"] = [_of_pool(rows[place]) for rows in of_trace]
    return json.dumps(objects, indent=2, allow_nan=False)


def _object(row: Row) -> dict[str, Any]:
    return {KEYS.get(field, field): value for field, value in asdict(row).items()}


def _of_pool(found: PoolRow) -> dict[str, Any]:
    values = {key: value for key, value in _object(found.row).items() if key not in OF_A_TRACE}
    return {"pool": found.row.trace, **values, "rule": found.rule}
