"""Picks the tightest optimum that is known for a pool: exact, layered, or a lower bound."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from poolkeeper.backtest.optimum.bound import cover_bound, fluid_bound
from poolkeeper.backtest.optimum.layers import layered_cost
from poolkeeper.backtest.optimum.one_replica import best_schedule, waits_of
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.traces.trace import PoolTrace


class Kind(StrEnum):
    """Whether an optimum can be reached or only not be beaten."""

    EXACT = "exact"
    LOWER_BOUND = "lower-bound"


@dataclass(frozen=True, slots=True)
class Optimum:
    """Accelerator-seconds of the cheapest schedule without an avoidable break; waits where a schedule is
    known.
    """

    accelerator_seconds: float
    kind: Kind
    waits: "array[float] | None" = None
    cold_starts: int | None = None


def optimum(
    trace: PoolTrace,
    setting: Setting,
    mean_start_seconds: float,
    always_on_waits: Sequence[float],
    ends_at: float = 0.0,
) -> Optimum:
    """The optimum of one pool; every start is charged the mean start time and the termination, and a minimum
    of replicas runs until its last request is done and the trace has ended.
    """
    start_stop = mean_start_seconds + setting.termination_seconds
    longest = [max(setting.budget_seconds, wait) for wait in always_on_waits]
    arrivals, services = trace.arrivals.tolist(), trace.services.tolist()
    if setting.max_replicas == 1 and setting.concurrency == 1:
        schedule = best_schedule(arrivals, services, longest, start_stop)
        waits = array("d", waits_of(schedule, arrivals, services))
        found = Optimum(schedule.accelerator_seconds, Kind.EXACT, waits, len(schedule.runs))
    elif setting.budget_seconds == 0:
        cost = layered_cost(arrivals, services, always_on_waits, setting.concurrency, start_stop)
        found = Optimum(cost, Kind.EXACT if setting.concurrency == 1 else Kind.LOWER_BOUND)
    else:
        cover = cover_bound(arrivals, services, longest, start_stop)
        fluid = fluid_bound(arrivals, services, longest, setting.concurrency, start_stop)
        found = Optimum(max(cover, fluid), Kind.LOWER_BOUND)
    done_at = arrivals[-1] + always_on_waits[-1] + services[-1]
    return _with_floor(found, setting.min_replicas, max(ends_at, done_at))


def _with_floor(found: Optimum, floor: int, seconds: float) -> Optimum:
    """A declared minimum is paid for all the time, whatever else is needed."""
    if not floor:
        return found
    return Optimum(max(found.accelerator_seconds, floor * seconds), Kind.LOWER_BOUND)
