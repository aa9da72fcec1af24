"""The optimum of a pool by the best method for its setting: exact where one is known, else a lower bound."""

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
    """EXACT: some schedule has this cost. LOWER_BOUND: no schedule costs less."""

    EXACT = "exact"
    LOWER_BOUND = "lower-bound"


@dataclass(frozen=True, slots=True)
class Bound:
    """What is possible on one pool; None stands for what is not known of it."""

    accelerator_seconds: float
    busy_seconds: float
    max_replicas: int | None = None
    waits: "array[float] | None" = None
    cold_starts: int | None = None
    replicas_over_time: Sequence[tuple[float, int, int]] = ()
    rule: str = ""
    """The policy that has this cost, as `--policy` reads it, or `A or B` where two are mixed."""

    @property
    def lost(self) -> int:
        """None: only idle replicas stop."""
        return 0

    @property
    def scale_actions(self) -> int | None:
        """One write for each start and one for each stop."""
        return None if self.cold_starts is None else 2 * self.cold_starts


@dataclass(frozen=True, slots=True)
class Optimum(Bound):
    """The cheapest schedule without an avoidable late request."""

    kind: Kind = Kind.EXACT


def optimum(
    trace: PoolTrace,
    setting: Setting,
    mean_start_seconds: float,
    always_on_waits: Sequence[float],
    ends_at: float = 0.0,
) -> Optimum:
    """The optimum of one pool. Every start costs the mean start time and the termination; declared minimum
    replicas run until the last request is done and the trace has ended.
    """
    start_stop = mean_start_seconds + setting.termination_seconds
    longest = [max(setting.budget_seconds, wait) for wait in always_on_waits]
    arrivals, services = trace.arrivals.tolist(), trace.services.tolist()
    busy, most = sum(services) / setting.concurrency, setting.max_replicas
    if setting.max_replicas == 1 and setting.concurrency == 1:
        schedule = best_schedule(arrivals, services, longest, start_stop)
        waits = array("d", waits_of(schedule, arrivals, services))
        found = Optimum(schedule.accelerator_seconds, busy, most, waits, len(schedule.runs))
    elif setting.budget_seconds == 0:
        cost = layered_cost(arrivals, services, always_on_waits, setting.concurrency, start_stop)
        is_exact = setting.concurrency == 1
        found = Optimum(cost, busy, most) if is_exact else Optimum(cost, busy, kind=Kind.LOWER_BOUND)
    else:
        cover = cover_bound(arrivals, services, longest, start_stop)
        fluid = fluid_bound(arrivals, services, longest, setting.concurrency, start_stop)
        found = Optimum(max(cover, fluid), busy, kind=Kind.LOWER_BOUND)
    done_at = arrivals[-1] + always_on_waits[-1] + services[-1]
    return _with_floor(found, setting.min_replicas, max(ends_at, done_at))


def _with_floor(found: Optimum, floor: int, seconds: float) -> Optimum:
    """A declared minimum of replicas is paid for all the time."""
    if not floor:
        return found
    cost = max(found.accelerator_seconds, floor * seconds)
    return Optimum(cost, found.busy_seconds, kind=Kind.LOWER_BOUND)
