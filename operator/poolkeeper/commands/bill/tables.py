"""Statements as a table for people, as CSV and as JSON."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.billing import say
from poolkeeper.core.billing.amounts import HOUR, STATES, Row, summed
from poolkeeper.core.billing.statement import Statement, dollars

HEAD = (
    "POOL", "PAID", "HOURS", "STARTING", "BUSY", "IDLE", "UNKNOWN", "TAIL", "ENERGY",
    "SAVED: ALWAYS-ON", "KEDA", "KNATIVE",
)  # fmt: skip
COLUMNS = (
    "begin", "seconds", "namespace", "pool", "class", "chips_per_replica", "dollars_per_chip_hour",
    "watts_per_chip", *(f"{state}_accelerator_seconds" for state in STATES), "estimated_accelerator_seconds",
    "dollars", "watt_hours", "keda_accelerator_seconds", "knative_accelerator_seconds",
)  # fmt: skip
UNKNOWN = "?"


def as_rows(statements: Sequence[Statement]) -> list[tuple[str, ...]]:
    """The table with its head and, of several pools, their sum; hours are those of accelerators."""
    rows = [HEAD, *(_row(each) for each in statements)]
    if len(statements) > 1:
        rows.append(("total", *_total(statements)))
    return rows


def savings(each: Statement) -> tuple[float | None, ...]:
    """Dollars saved against a fixed fleet, KEDA and Knative; None where a price is not known."""
    if not each.sums.dollars_are_known:
        return None, None, None
    paid, fleet = each.sums.micro_dollars.paid, each.fleet_micro_dollars
    peers = each.sums.micro_dollars.keda, each.sums.micro_dollars.knative
    return tuple(None if other is None else other - paid for other in (fleet, *peers))


def as_csv(statements: Sequence[Statement]) -> str:
    """One line for each hour, or day, of each pool in which anything was counted."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for each in statements:
        for seconds, rows in ((24 * HOUR, each.days), (HOUR, each.hours)):
            for row in rows:
                writer.writerow(_record(each, row, seconds))
    return text.getvalue()


def as_json(statements: Sequence[Statement], assumptions: Sequence[str], since: float, now: float) -> str:
    """All of it, with null for what is not known."""
    found = {
        "since": format_timestamp(since),
        "until": format_timestamp(now),
        "assumptions": list(assumptions),
        "pools": [_object(each) for each in statements],
    }
    return json.dumps(found, indent=2) + "\n"


def _row(each: Statement) -> tuple[str, ...]:
    sums, name = each.sums, f"{each.namespace}/{each.name}"
    return (
        f"{name} (deleted)" if each.is_gone else name,
        say.dollars(sums.micro_dollars.paid) if sums.dollars_are_known else _partly(sums.micro_dollars.paid),
        say.hours(sums.chip_seconds.paid) if not sums.unsized else UNKNOWN,
        *(say.hours(getattr(sums.chip_seconds, state)) for state in STATES),
        say.energy(sums.watt_hours.paid) if not (sums.unpowered or sums.unsized) else UNKNOWN,
        *(UNKNOWN if saved is None else say.signed(saved) for saved in savings(each)),
    )


def _partly(micro_dollars: float) -> str:
    return f"{say.dollars(micro_dollars)} + {UNKNOWN}" if micro_dollars else UNKNOWN


def _total(statements: Sequence[Statement]) -> list[str]:
    sums = summed(row for each in statements for row in (*each.hours, *each.days))
    paid = say.dollars(sums.micro_dollars.paid)
    saved = zip(*(savings(each) for each in statements), strict=True)
    return [
        paid if sums.dollars_are_known else _partly(sums.micro_dollars.paid),
        say.hours(sums.chip_seconds.paid) + (f" + {UNKNOWN}" if sums.unsized else ""),
        *(say.hours(getattr(sums.chip_seconds, state)) for state in STATES),
        say.energy(sums.watt_hours.paid) + (f" + {UNKNOWN}" if sums.unpowered or sums.unsized else ""),
        *(
            say.signed(sum(each for each in column if each is not None))
            + (f" + {UNKNOWN}" * (None in column))
            for column in saved
        ),
    ]


def _record(each: Statement, row: Row, seconds: float) -> list[object]:
    unit, sums = row.unit, summed([row])
    price = unit.micro_dollars_per_hour
    chips = sums.chip_seconds
    is_sized = unit.chips is not None
    return [
        format_timestamp(row.number * seconds),
        int(seconds),
        each.namespace,
        each.name,
        unit.accelerator_class,
        unit.chips if is_sized else "",
        "" if price is None else dollars(price),
        "" if unit.watts is None else unit.watts,
        *(round(getattr(chips, state), 1) if is_sized else "" for state in STATES),
        round(chips.estimated, 1) if is_sized else "",
        round(dollars(sums.micro_dollars.paid), 6) if sums.dollars_are_known else "",
        "" if sums.unpowered or sums.unsized else round(sums.watt_hours.paid, 3),
        *(round(peer, 1) if is_sized else "" for peer in (chips.keda, chips.knative)),
    ]


def _object(each: Statement) -> dict[str, Any]:
    sums, (fleet, keda, knative) = each.sums, savings(each)
    return {
        "namespace": each.namespace,
        "name": each.name,
        "deleted": each.is_gone,
        "begin": format_timestamp(each.begin),
        "end": format_timestamp(each.end),
        "acceleratorSeconds": {state: round(getattr(sums.chip_seconds, state), 1) for state in STATES},
        "estimatedAcceleratorSeconds": round(sums.chip_seconds.estimated, 1),
        "unsizedReplicaSeconds": round(sums.unsized, 1),
        "dollars": round(dollars(sums.micro_dollars.paid), 6) if sums.dollars_are_known else None,
        "wattHours": None if sums.unpowered or sums.unsized else round(sums.watt_hours.paid, 3),
        "savedDollars": {
            name: None if saved is None else round(dollars(saved), 6)
            for name, saved in (("alwaysOn", fleet), ("keda", keda), ("knative", knative))
        },
    }
