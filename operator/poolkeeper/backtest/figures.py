"""What a policy cost and how long requests waited: the figures of one pool, and their sum over a trace."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from poolkeeper.backtest.optimum.choice import Bound, Kind, Optimum
from poolkeeper.backtest.simulation.replay import Outcome


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What every policy on one pool is compared with."""

    best: Optimum
    unavoidable_late: int
    """Requests that are late in an always-on pool too."""


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """One policy on one pool."""

    pool: str
    requests: int
    late: float
    """Requests that waited longer than the budget; not a whole number where two rules are mixed."""
    outcome: Outcome | Bound
    """What the replay showed, or a bound, whose waits are known only where it is a schedule."""
    yardstick: Yardstick

    @property
    def above_optimum(self) -> float:
        """Accelerator-seconds that the policy pays more than the optimum; below 0 where more are late."""
        return self.outcome.accelerator_seconds - self.yardstick.best.accelerator_seconds


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
    late: int
    late_percent: float
    avoidable_late_percent: float
    unavoidable_late_percent: float
    lost: int
    wait_p50_seconds: float | None
    wait_p95_seconds: float | None
    wait_p99_seconds: float | None
    cold_starts: int | None
    scale_actions: int | None
    max_replicas: int | None


def summed(
    trace: str,
    policy: str,
    parameters: dict[str, Any],
    pools: Sequence[PoolFigures],
    dollars_per_hour: float | None,
) -> Row:
    """One row from the figures of every pool of a trace; what is unknown of one pool is None."""
    requests = sum(pool.requests for pool in pools)
    hours = sum(pool.outcome.accelerator_seconds for pool in pools) / 3600
    optimum_hours = sum(pool.yardstick.best.accelerator_seconds for pool in pools) / 3600
    is_exact = all(pool.yardstick.best.kind is Kind.EXACT for pool in pools)
    late = sum(pool.late for pool in pools)
    unavoidable_late = sum(pool.yardstick.unavoidable_late for pool in pools)
    p50, p95, p99 = _quantiles([pool.outcome.waits for pool in pools], (0.50, 0.95, 0.99))
    most = [pool.outcome.max_replicas for pool in pools if pool.outcome.max_replicas is not None]
    return Row(
        trace=trace,
        policy=policy,
        parameters=parameters,
        pools=len(pools),
        requests=requests,
        accelerator_hours=hours,
        busy_hours=sum(pool.outcome.busy_seconds for pool in pools) / 3600,
        dollars=None if dollars_per_hour is None else hours * dollars_per_hour,
        optimum_hours=optimum_hours,
        optimum_kind=str(Kind.EXACT if is_exact else Kind.LOWER_BOUND),
        ratio_to_optimum=hours / optimum_hours if optimum_hours else None,
        late=round(late),
        late_percent=100 * late / requests,
        avoidable_late_percent=100 * (late - unavoidable_late) / requests,
        unavoidable_late_percent=100 * unavoidable_late / requests,
        lost=sum(pool.outcome.lost for pool in pools),
        wait_p50_seconds=p50,
        wait_p95_seconds=p95,
        wait_p99_seconds=p99,
        cold_starts=_total([pool.outcome.cold_starts for pool in pools]),
        scale_actions=_total([pool.outcome.scale_actions for pool in pools]),
        max_replicas=max(most, default=None),
    )


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _quantiles(of_pools: Sequence["array[float] | None"], shares: Sequence[float]) -> list[float | None]:
    """Nearest-rank quantiles over the requests of all pools; None where the waits of a pool are unknown."""
    waits = array("d")
    for each in of_pools:
        if each is None:
            return [None] * len(shares)
        waits.extend(each)
    ordered = sorted(waits)
    return [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in shares]
