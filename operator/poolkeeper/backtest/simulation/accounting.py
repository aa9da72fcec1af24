"""What a policy cost and how long requests waited: one pool's figures, and their sum over a trace."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class PoolFigures:
    """One policy on one pool; all durations in seconds, `waits` one per request."""

    requests: int
    accelerator_seconds: float
    busy_seconds: float
    breaks: int
    unavoidable_breaks: int
    optimum_seconds: float
    optimum_kind: str
    waits: "array[float] | None" = None
    cold_starts: int | None = 0
    scale_actions: int | None = 0
    max_replicas: int | None = 0
    decisions: int = 0
    seconds_deciding: float = 0.0
    replicas_over_time: list[tuple[float, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """One policy on one trace: the line of the table, and the object of the JSON array."""

    trace: str
    policy: str
    parameters: dict[str, Any]
    pools: int
    requests: int
    accelerator_hours: float
    busy_hours: float
    dollars: float | None
    optimum_hours: float
    optimum_kind: str
    ratio_to_optimum: float | None
    breaks: int
    breaks_percent: float
    unavoidable_breaks_percent: float
    wait_p50_seconds: float | None
    wait_p95_seconds: float | None
    wait_p99_seconds: float | None
    cold_starts: int | None
    scale_actions: int | None
    max_replicas: int | None
    decisions_per_second: float | None

    @property
    def avoidable_breaks_percent(self) -> float:
        """Breaks less those that an always-on pool has too."""
        return self.breaks_percent - self.unavoidable_breaks_percent


def breaks_in(waits: Sequence[float], budget_seconds: float) -> int:
    """Requests that waited longer than the budget (a microsecond is rounding, not waiting)."""
    return sum(wait > budget_seconds + 1e-6 for wait in waits)


def summed(
    trace: str,
    policy: str,
    parameters: dict[str, Any],
    pools: Sequence[PoolFigures],
    dollars_per_hour: float | None,
) -> Row:
    """One row from the figures of every pool of a trace."""
    requests = sum(pool.requests for pool in pools)
    hours = sum(pool.accelerator_seconds for pool in pools) / 3600
    optimum_hours = sum(pool.optimum_seconds for pool in pools) / 3600
    breaks = sum(pool.breaks for pool in pools)
    seconds_deciding = sum(pool.seconds_deciding for pool in pools)
    decisions = sum(pool.decisions for pool in pools)
    p50, p95, p99 = _quantiles(pools, (0.50, 0.95, 0.99))
    return Row(
        trace=trace,
        policy=policy,
        parameters=parameters,
        pools=len(pools),
        requests=requests,
        accelerator_hours=hours,
        busy_hours=sum(pool.busy_seconds for pool in pools) / 3600,
        dollars=None if dollars_per_hour is None else hours * dollars_per_hour,
        optimum_hours=optimum_hours,
        optimum_kind="exact" if all(pool.optimum_kind == "exact" for pool in pools) else "lower-bound",
        ratio_to_optimum=hours / optimum_hours if optimum_hours else None,
        breaks=breaks,
        breaks_percent=100 * breaks / requests,
        unavoidable_breaks_percent=100 * sum(pool.unavoidable_breaks for pool in pools) / requests,
        wait_p50_seconds=p50,
        wait_p95_seconds=p95,
        wait_p99_seconds=p99,
        cold_starts=_total([pool.cold_starts for pool in pools]),
        scale_actions=_total([pool.scale_actions for pool in pools]),
        max_replicas=_most([pool.max_replicas for pool in pools]),
        decisions_per_second=decisions / seconds_deciding if seconds_deciding else None,
    )


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _most(counts: Sequence[int | None]) -> int | None:
    return max((count for count in counts if count is not None), default=None)


def _quantiles(pools: Sequence[PoolFigures], shares: Sequence[float]) -> list[float | None]:
    """Nearest-rank quantiles over every request of every pool; None where a schedule has no known waits."""
    if any(pool.waits is None for pool in pools):
        return [None] * len(shares)
    waits = array("d")
    for pool in pools:
        waits.extend(pool.waits or ())
    ordered = sorted(waits)
    return [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in shares]
