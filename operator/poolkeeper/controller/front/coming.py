"""What the callers of a pool may expect of its starts: when a replica is ready, or why none gets ready."""

import math

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.tuning import FIRST_RETRY_SECONDS

FAILING_STEP_SECONDS = 10.0
"""While starts fail, the time until the next one is rounded up to this: each change is another table."""


def ready_in_seconds(pool: Pool, now: float) -> float | None:
    """The median of the learned start times, less the time that the oldest start under way has taken. While
    starts fail, the whole median after the pause until the next attempt."""
    if pool.state is None:
        return None
    start_seconds = pool.state.starts.p50_seconds if pool.state.starts.samples else 0.0
    if _is_failing(pool):
        pause_seconds = _pause_seconds(pool.state, now)
        return math.ceil((pause_seconds + start_seconds) / FAILING_STEP_SECONDS) * FAILING_STEP_SECONDS
    if not pool.state.starts.samples:
        return None
    starting = pool.observation.replicas.starting if pool.observation and pool.observation.replicas else ()
    age = max((replica.age(now) for replica in starting), default=0.0)
    return max(0.0, round(start_seconds - age))


def start_trouble(pool: Pool) -> str:
    """Why starts do not succeed, such as `pod chat-1: CrashLoopBackOff`: no more than a caller may know."""
    found = pool.decision.trouble if pool.decision else None
    if found is not None and not found.may_pass:
        return f"pod {found.pod}: {found.reason}" if found.pod else found.reason
    failed = pool.state.attempts if pool.state else None
    return (failed.reason or "StartFailed") if failed and failed.failed else ""


def _is_failing(pool: Pool) -> bool:
    found = pool.decision.trouble if pool.decision else None
    has_failed = pool.state is not None and pool.state.attempts.failed > 0
    return has_failed or (found is not None and found.is_failure)


def _pause_seconds(state: PoolState, now: float) -> float:
    """Until the next attempt; while one fails in place, Kubernetes makes the next one of its own."""
    return max(state.attempts.next_at - now, FIRST_RETRY_SECONDS)
