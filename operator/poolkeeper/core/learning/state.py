"""What a pool has learned, small enough to live in its status."""

import math
import struct
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from poolkeeper.core.learning import gaps, objective, start_time
from poolkeeper.core.learning.daytime import ROWS, Daytime
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.load import Load
from poolkeeper.core.learning.objective import (
    HIGHEST_PRICE,
    LEAST_BALANCE,
    LEAST_PRICE,
    MOST_BALANCE,
    Objective,
)
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.start_time import StartSample, StartTimes
from poolkeeper.core.values.observation import Reading
from poolkeeper.core.values.spec import PoolSpec

VERSION = 1
PACKED_SCALE = 500
"""Counts of gaps fade towards 100, so that they fit."""
Dumped = dict[str, int | str | list[int]]


class PoolState(NamedTuple):
    """Everything that `decide` remembers between two calls.

    `clock` is the latest instant seen. `readings` are the last believed ones, to see what has moved since.
    `idle_since` is None while there is work or demand is unknown; `idle_seconds` is how long idling
    that began then pays; `worked_at` is when work was last seen.
    `ahead_at` is when to start, at zero, for a request that is only expected (None: not settled).
    `ready_since` is since when any replica has been ready, `full_since` all that there may be; `desired` is
    the last number read.
    """

    clock: float
    starts: StartTimes
    gaps: Gaps
    service: ServiceRate = ServiceRate()
    load: Load = Load()
    objective: Objective = Objective()
    readings: tuple[Reading, ...] = ()
    idle_since: float | None = None
    idle_seconds: float | None = None
    worked_at: float = -math.inf
    ready_since: float | None = None
    full_since: float | None = None
    ahead_at: float | None = None
    desired: int | None = None


def initial_state(now: float, spec: PoolSpec) -> PoolState:
    """The state of a pool that has never been seen."""
    return PoolState(
        clock=now,
        worked_at=now,
        starts=start_time.initial(spec.start_prior_seconds),
        gaps=gaps.initial(),
        objective=objective.initial(spec.allowed_share),
    )


def learn(state: PoolState, sample: StartSample) -> PoolState:
    """Enter one start of the pool, as far as it has come. A start that is delivered twice counts once."""
    starts = start_time.enter(state.starts, sample)
    return state if starts is state.starts else state._replace(starts=starts)


def dump(state: PoolState) -> Dumped:
    """The learned part as scaled integers, at most 4 KiB as JSON. What is observed anew is left out."""
    starts, objective_now = state.starts, state.objective
    return {
        "version": VERSION,
        "startMilliseconds": _scale(starts.seconds, 1000),
        "startWeights": _scale(starts.weights, 1000),
        "startUids": list(starts.uids),
        "startCounts": [starts.samples, starts.failures],
        "startPhases": [
            number
            for phase in starts.phases
            for number in (*_scale((phase.mean, phase.variance), 10_000), phase.samples)
        ],
        "service": _scale((state.service.completions, state.service.busy_seconds), 1000),
        "objective": [
            *_scale((objective_now.balance, objective_now.per_start), 1000),
            objective_now.taken,
            objective_now.late,
            objective_now.capacity_late,
            *_scale((objective_now.price,), 1000),
        ],
        "gapsReached": _pack(chain(*state.gaps.reached)),
        "gapsEnded": _pack(chain(*state.gaps.ended)),
        "gaps": [
            state.gaps.seen,
            *_scale((state.gaps.recent, max(state.gaps.arrived_at, 0.0)), 10),
        ],
        "daytime": _pack(chain(state.gaps.daytime.ended, state.gaps.daytime.met)),
        "daytimeScore": _scale((state.gaps.daytime.score,), 1000),
    }


def restore(dumped: object, now: float, spec: PoolSpec) -> PoolState:
    """What `dump` wrote; anything else, or an older version, gives the initial state."""
    fresh = initial_state(now, spec)
    if not isinstance(dumped, Mapping) or dumped.get("version") != VERSION:
        return fresh
    try:
        return fresh._replace(
            starts=_restore_starts(dumped, spec.start_prior_seconds),
            service=_restore_service(dumped),
            objective=_restore_objective(dumped),
            gaps=_restore_gaps(dumped),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return fresh


def _restore_starts(dumped: Mapping[str, object], prior_seconds: float) -> StartTimes:
    seconds = tuple(value / 1000 for value in _integers(dumped, "startMilliseconds", start_time.MAX_SAMPLES))
    weights = tuple(value / 1000 for value in _integers(dumped, "startWeights", start_time.MAX_SAMPLES))
    if len(seconds) != len(weights) or min(seconds, default=1.0) <= 0.0 or min(weights, default=1.0) <= 0.0:
        raise ValueError("start times and weights don't match")
    samples, failures = _integers(dumped, "startCounts", 2)
    numbers = _integers(dumped, "startPhases", 9)
    one, two, three = (
        start_time.Phase(numbers[at] / 10_000, max(numbers[at + 1], 0) / 10_000, numbers[at + 2])
        for at in (0, 3, 6)
    )
    return start_time.refit(
        start_time.initial(prior_seconds)._replace(
            seconds=seconds,
            weights=weights,
            uids=tuple(_integers(dumped, "startUids", start_time.MAX_UIDS)),
            samples=samples,
            failures=failures,
            phases=(one, two, three),
        )
    )


def _restore_service(dumped: Mapping[str, object]) -> ServiceRate:
    completions, busy_seconds = _integers(dumped, "service", 2)
    return ServiceRate(max(completions, 0) / 1000, max(busy_seconds, 0) / 1000)


def _restore_objective(dumped: Mapping[str, object]) -> Objective:
    balance, per_start, taken, late, capacity_late, price = _integers(dumped, "objective", 6)
    return Objective(
        balance=min(max(balance / 1000, LEAST_BALANCE), MOST_BALANCE),
        per_start=max(per_start / 1000, 1.0),
        taken=taken,
        late=late,
        capacity_late=capacity_late,
        price=min(max(price / 1000, LEAST_PRICE), HIGHEST_PRICE),
    )


def _restore_gaps(dumped: Mapping[str, object]) -> Gaps:
    reached, ended = (_unpack(dumped, key, gaps.CONTEXTS, gaps.BINS) for key in ("gapsReached", "gapsEnded"))
    if any(end > reach for end, reach in zip(chain(*ended), chain(*reached), strict=True)):
        raise ValueError("more gaps ended in a bin than reached it")
    seen, recent, arrived_at = _integers(dumped, "gaps", 3)
    arrived_at_seconds = arrived_at / 10 if arrived_at > 0 else -math.inf
    recent_requests, daytime = max(recent / 10, 0.0), _restore_daytime(dumped)
    return Gaps(reached, ended, max(seen, 0), recent_requests, arrived_at_seconds, daytime)


def _restore_daytime(dumped: Mapping[str, object]) -> Daytime:
    ended, met = _unpack(dumped, "daytime", 2, ROWS)
    (score,) = _integers(dumped, "daytimeScore", 1)
    return Daytime(ended, met, score / 1000)


def _integers(dumped: Mapping[str, object], key: str, most: int) -> list[int]:
    values = dumped[key]
    if not isinstance(values, list) or len(values) > most or not all(type(value) is int for value in values):
        raise ValueError(f"{key} is not a list of at most {most} integers")
    return values


def _scale(values: Iterable[float], factor: int) -> list[int]:
    return [round(value * factor) for value in values]


def _pack(counts: Iterable[float]) -> str:
    """Two bytes per count: as integers in a list they would take the most room in the status by far."""
    numbers = _scale(counts, PACKED_SCALE)
    return b64encode(struct.pack(f"<{len(numbers)}H", *numbers)).decode()


def _unpack(dumped: Mapping[str, object], key: str, rows: int, columns: int) -> "tuple[array[float], ...]":
    text = dumped[key]
    packed = b64decode(text, validate=True) if isinstance(text, str) else b""
    if len(packed) != 2 * rows * columns:
        raise ValueError(f"{key} does not hold {rows} rows of {columns} counts")
    counts = [number / PACKED_SCALE for (number,) in struct.iter_unpack("<H", packed)]
    return tuple(array("d", counts[at : at + columns]) for at in range(0, len(counts), columns))
