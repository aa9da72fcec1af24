"""How long an idle pool stays up: the price of idling against the price of the next start."""

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.spec import PoolSpec
from poolkeeper.core.start_time import StartTimes


def fallback_seconds(spec: PoolSpec, starts: StartTimes) -> float:
    """The timeout while nothing is known about arrivals.

    Waiting as long as a restart costs is at most twice as dear as knowing the future (ski rental). Where the
    budget lets a start wait, the pool is at zero for that time at least, so a stop pays sooner by as much.
    """
    restart_seconds = starts.p50_seconds + spec.node_tail_seconds
    return max(0.0, restart_seconds - spec.budget_seconds)


def timeout_seconds(spec: PoolSpec, starts: StartTimes) -> float:
    """How long the pool stays up without work."""
    if spec.zero_mode is ZeroMode.FIXED and spec.idle_seconds is not None:
        return spec.idle_seconds
    return fallback_seconds(spec, starts)
