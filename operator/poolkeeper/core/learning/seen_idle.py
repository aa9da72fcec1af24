"""Idle time that outlives a restart of the operator. Only time in which the queues were read counts.

Example: idleSeconds is 300, and the operator restarts every 90 s. Each time it sees 80 s more without work,
and the 10 s of the restart are not counted. The pool stops after 80 + 80 + 80 + 60 s of seen silence.
"""

import zlib
from collections.abc import Iterable

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.learning.state import PoolState, SeenIdle
from poolkeeper.core.tuning import SAME_POLL_SHARE
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Reading
from poolkeeper.core.values.spec import PoolSpec


def seen(state: PoolState) -> SeenIdle | None:
    """The idle time up to the last readings, as it is saved; None where there is none."""
    if state.idle_before is not None:
        return state.idle_before
    if state.idle_since is None or not state.readings:
        return None
    seconds = min(reading.observed_at for reading in state.readings) - state.idle_since
    return SeenIdle(max(seconds, 0.0), state.idle_seconds, _trail(state.readings))


def resume(now: float, spec: PoolSpec, workload: Workload, state: PoolState) -> PoolState:
    """Go on with the idle time from before a restart, once a second empty poll confirms that it goes on.

    Work, or a sign of work that no operator saw, ends it. While demand is unknown nothing is decided. Where
    replicas have just been seen to be ready, the keep-warm time is computed first, and replaced here later.
    """
    before, idle_since = state.idle_before, state.idle_since
    if before is None or not workload.is_known:
        return state
    if idle_since is None or _trail(workload.readings) != before.trail:
        return state._replace(idle_before=None)
    is_confirmed = min(reading.observed_at for reading in workload.readings) > (
        idle_since + SAME_POLL_SHARE * spec.poll_seconds
    )
    if not is_confirmed or state.ready_since == now:
        return state
    return state._replace(
        idle_since=idle_since - before.seconds,
        idle_seconds=None if spec.zero_mode is ZeroMode.FIXED else before.keep_seconds,
        idle_before=None,
    )


def _trail(readings: Iterable[Reading]) -> int:
    """A checksum of what the sources show of their past, in any order."""
    shown = sorted((reading.source, reading.trail) for reading in readings)
    return zlib.crc32(repr(shown).encode())
