"""What a pool has learned, as one short string for its status, and back.

The string is JSON of scaled integers, compressed, in base64, after a prefix that names the form:
"2:eNqrV...". It is opaque to users: `status.coldStart` shows what a person wants to know of it.
"""

import json
import math
import zlib
from array import array
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from itertools import chain, starmap
from typing import NamedTuple

from poolkeeper.api.base import MOST_COUNTED
from poolkeeper.core.learning import gaps, seen_idle, silence
from poolkeeper.core.learning.daytime import ROWS, Daytime
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.lateness import always_on, objective, promise
from poolkeeper.core.learning.lateness.objective import Objective
from poolkeeper.core.learning.lateness.promise import Late, Promise, Tally
from poolkeeper.core.learning.packing import integers, optional_integers, pack, scale, unpack
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.silence import Doubt
from poolkeeper.core.learning.starts import admission, arms, start_time
from poolkeeper.core.learning.starts.admission import NOTHING_HELD
from poolkeeper.core.learning.starts.attempts import Attempts
from poolkeeper.core.learning.starts.start_time import Phases, StartTimes
from poolkeeper.core.learning.state import PoolState, SeenIdle, initial_state
from poolkeeper.core.tuning import (
    ADMISSION_SECONDS,
    GAP_BINS,
    LONGEST_START_SECONDS,
    REMEMBERED_STARTS,
    REMEMBERED_UIDS,
)
from poolkeeper.core.values.spec import PoolSpec

PREFIX = "2:"
"""Names this form. An object with "version": 1 is the form before it: the same fields, uncompressed."""
MOST_TEXT = 16_384
"""Bytes of JSON that are read at most; what `save` writes has about a quarter of that."""
LONGEST_REASON = 64
"""Of the reason why an attempt failed."""
MARKS_PER_SECOND = 10
LONG_START_SECONDS = 900.0
UNKNOWN_MARK = -1
EXCLUDED_MARK = -2
"""From here down, a mark is the length of an admission that is no part of the start time."""

_ACCOUNTS = {
    "lateBy": Late._fields,
    "account": promise.BEFORE_ADMISSION,
    "promise": promise.EARLIER_CAUSES,
}
"""The causes of late requests that the account of the promise holds, by the key that a version wrote."""

Dumped = dict[str, int | str | list[int]]


class Learned(NamedTuple):
    """The part of the state that is saved; the rest is observed again within seconds."""

    starts: tuple[object, ...]
    service: ServiceRate
    objective: Objective
    promise: Promise
    gaps: Gaps
    attempts: Attempts
    admission: tuple[object, ...]
    arms: tuple[object, ...]
    doubts: tuple[Doubt, ...]
    counts_idle: bool
    """Whether the idle time is saved too. It is not compared: it changes all the time."""


def learned(state: PoolState, *, counts_idle: bool = False) -> Learned:
    """The part of a state that is saved. Cheap, so that callers can ask first whether it has changed."""
    parts = (
        state.starts.remembered,
        state.service,
        state.objective,
        state.promise,
        state.gaps,
        state.attempts,
        state.admission.remembered,
        state.arms.remembered,
    )
    return Learned(*parts, state.silence.doubts, counts_idle)


def save(state: PoolState, *, counts_idle: bool = False) -> str:
    """The learned part as a string of at most 4 KiB. Takes about 0.2 ms.

    `counts_idle`: whether the pool waits for its idle time to pass. Else only an idle time from before a
    restart is kept of which it is not known yet whether it goes on, so that an idle pool that waits for
    nothing is saved as before.
    """
    dumped = _dump(state)
    idle = seen_idle.seen(state) if counts_idle else state.idle_before
    if idle is not None:
        dumped["idle"] = _dump_idle(idle)
    if state.admission.remembered != NOTHING_HELD:
        dumped["held"] = admission.to_numbers(state.admission)
    if state.arms.fallbacks:
        dumped["arms"] = arms.to_numbers(state.arms)
    if state.silence.doubts:
        dumped["doubts"] = silence.to_numbers(state.silence)
    # Last, since the string is shorter where like stands beside like.
    dumped |= _dump_gaps(state.gaps)
    text = json.dumps(dumped, separators=(",", ":"))
    return PREFIX + b64encode(zlib.compress(text.encode())).decode()


def restore(saved: object, now: float, spec: PoolSpec) -> PoolState:
    """The state that `save` made this string of, or the operator of a version before: an object.

    Anything else gives the initial state: other clients may write statuses too.
    """
    fresh = initial_state(now, spec)
    try:
        dumped = _decoded(saved)
        return fresh._replace(
            starts=_restore_starts(dumped, spec.start_prior_seconds),
            service=_restore_service(dumped),
            objective=_restore_objective(dumped),
            promise=_restore_promise(dumped, now),
            gaps=_restore_gaps(dumped, now),
            silence=silence.from_numbers(
                optional_integers(dumped, "doubts", silence.MOST_NUMBERS), now, spec
            ),
            idle_before=_restore_idle(dumped) if "idle" in dumped else None,
            attempts=_restore_attempts(dumped, now),
            always_on=always_on.from_numbers(
                optional_integers(dumped, "alwaysOn", always_on.MOST_NUMBERS), spec
            ),
            admission=admission.from_numbers(optional_integers(dumped, "held", admission.MOST_NUMBERS), now),
            arms=arms.from_numbers(optional_integers(dumped, "arms", arms.MOST_NUMBERS), now),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError, zlib.error):
        return fresh


def _decoded(saved: object) -> Mapping[str, object]:
    if isinstance(saved, str) and saved.startswith(PREFIX):
        saved = {**json.loads(_inflated(saved.removeprefix(PREFIX))), "version": 1}
    if not isinstance(saved, Mapping) or saved.get("version") != 1:
        raise ValueError("nothing that was saved")
    return saved


def _inflated(text: str) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(b64decode(text, validate=True), MOST_TEXT)
    if not stream.eof:
        raise ValueError("cut off, or longer than anything that was saved")
    return content


def _dump(state: PoolState) -> Dumped:
    """Scaled integers."""
    starts, account, total = state.starts, state.objective, state.promise.total
    return {
        "startMilliseconds": [*map(_milliseconds, starts.seconds)],
        "startWeights": scale(starts.weights, 1000),
        "startUids": list(starts.uids),
        "startCounts": [starts.samples, starts.failures],
        "startMarks": list(chain(*map(_marks, starts.seconds, starts.phases))),
        "service": scale((state.service.completions, state.service.busy_seconds), 1000),
        "objective": [
            *scale((account.balance, account.per_start), objective.SCALE),
            total.taken,
            total.late.total - total.late.ceiling,
            total.late.ceiling,
            *scale((account.price,), objective.SCALE),
        ],
        "delays": scale((account.least_balance, account.taken, account.other), objective.DELAYS_SCALE),
        "late": [account.restarts, *scale((account.late_per_restart,), objective.RESTARTS_SCALE)],
        "lateBy": list(promise.to_numbers(state.promise)),
        "gaps": [
            state.gaps.seen,
            *scale((state.gaps.recent, max(state.gaps.arrived_at, 0.0)), 10),
        ],
        "daytimeScore": scale((state.gaps.daytime.score,), 1000),
        "attempts": [state.attempts.failed, *scale((max(state.attempts.settled_at, 0.0),), 10)],
        "attemptReason": state.attempts.reason[:LONGEST_REASON],
        "alwaysOn": always_on.to_numbers(state.always_on),
    }


def _dump_gaps(known: Gaps) -> Dumped:
    return {
        "gapsReached": pack(chain(*known.reached)),
        "gapsEnded": pack(chain(*known.ended)),
        "daytime": pack(chain(known.daytime.ended, known.daytime.met)),
    }


def _milliseconds(seconds: float) -> int:
    """A start of more than a quarter of an hour is known to the second: more digits would only take room."""
    return round(seconds * 1000) if seconds < LONG_START_SECONDS else round(seconds) * 1000


def _marks(seconds: float, phases: Phases | None) -> tuple[int, int]:
    """Tenths of a second from the scale write until the replica had a node, and until its containers ran.

    An admission that is no part of the start time is written below UNKNOWN_MARK, and the other mark counts
    from its end. Example: a node after 60.0 s and containers after another 2.0 s are -602 and 20.
    """
    if phases is None:
        return UNKNOWN_MARK, UNKNOWN_MARK
    scheduled = phases.scheduling * MARKS_PER_SECOND
    if sum(phases) - seconds > ADMISSION_SECONDS / 2:
        return EXCLUDED_MARK - round(scheduled), round(phases.containers * MARKS_PER_SECOND)
    return round(scheduled), round(scheduled + phases.containers * MARKS_PER_SECOND)


def _restore_starts(dumped: Mapping[str, object], prior_seconds: float) -> StartTimes:
    seconds = tuple(value / 1000 for value in integers(dumped, "startMilliseconds", REMEMBERED_STARTS))
    weights = tuple(value / 1000 for value in integers(dumped, "startWeights", REMEMBERED_STARTS))
    if len(seconds) != len(weights) or min(weights, default=1.0) <= 0.0:
        raise ValueError("start times and weights don't match")
    if not all(0.0 < value <= LONGEST_START_SECONDS for value in seconds):
        raise ValueError("a start time is out of range")
    samples, failures = (min(max(number, 0), MOST_COUNTED) for number in integers(dumped, "startCounts", 2))
    return start_time.refit(
        start_time.initial(prior_seconds)._replace(
            seconds=array("d", seconds),
            weights=array("d", weights),
            phase_seconds=start_time.packed_phases(_restore_phases(dumped, seconds)),
            uids=array(
                "I", [uid & start_time.KNOWN_BITS for uid in integers(dumped, "startUids", REMEMBERED_UIDS)]
            ),
            samples=samples,
            failures=failures,
        )
    )


def _restore_phases(dumped: Mapping[str, object], seconds: Sequence[float]) -> tuple[Phases | None, ...]:
    if "startMarks" not in dumped:
        return _split(seconds, integers(dumped, "startPhases", 9))
    marks = integers(dumped, "startMarks", 2 * REMEMBERED_STARTS)
    return tuple(starmap(_restore_marks, zip(seconds, marks[::2], marks[1::2], strict=True)))


def _restore_marks(seconds: float, scheduled: int, started: int) -> Phases | None:
    if scheduled == UNKNOWN_MARK:
        return None
    if scheduled > UNKNOWN_MARK:
        marks = scheduled / MARKS_PER_SECOND, started / MARKS_PER_SECOND
        return start_time.phases_between(0.0, *marks, seconds)
    admission = min((EXCLUDED_MARK - scheduled) / MARKS_PER_SECOND, LONGEST_START_SECONDS)
    return start_time.phases_between(0.0, 0.0, started / MARKS_PER_SECOND, seconds)._replace(
        scheduling=admission
    )


def _split(seconds: Sequence[float], numbers: Sequence[int]) -> tuple[Phases | None, ...]:
    """Version 1 kept no phases per start, but the mean logarithm of each: every start is split like these."""
    if not all(numbers[at + 2] > 0 for at in (0, 3, 6)):
        return (None,) * len(seconds)
    parts = [math.exp(numbers[at] / 10_000) for at in (0, 3, 6)]
    return tuple(Phases(*(total * part / sum(parts) for part in parts)) for total in seconds)


def _restore_service(dumped: Mapping[str, object]) -> ServiceRate:
    completions, busy_seconds = integers(dumped, "service", 2)
    return ServiceRate(max(completions, 0) / 1000, max(busy_seconds, 0) / 1000)


def _restore_objective(dumped: Mapping[str, object]) -> Objective:
    """What restarts made late was not counted by versions before."""
    balance, per_start, _, _, _, price = integers(dumped, "objective", 6)
    delays = optional_integers(dumped, "delays", 3)
    restarts, late = integers(dumped, "late", 2) if "late" in dumped else (0, 0)
    account = objective.from_numbers(balance, per_start, price, *delays)
    return objective.with_restarts(account, restarts, late)


def _restore_promise(dumped: Mapping[str, object], now: float) -> Promise:
    """The first versions knew two causes only, and kept no windows."""
    _, _, taken, late, capacity_late, _ = integers(dumped, "objective", 6)
    for key, causes in _ACCOUNTS.items():
        if key in dumped:
            numbers = integers(dumped, key, promise.MOST_NUMBERS)
            return promise.from_numbers(numbers, taken, now, causes)
    return Promise(Tally(max(taken, 0), Late(start=max(late, 0), ceiling=max(capacity_late, 0))))


def _dump_idle(idle: SeenIdle) -> list[int]:
    keep_seconds = UNKNOWN_MARK if idle.keep_seconds is None else round(idle.keep_seconds * 10)
    return [int(idle.seconds * 10), keep_seconds, idle.trail]


def _restore_idle(dumped: Mapping[str, object]) -> SeenIdle:
    seconds, keep_seconds, trail = integers(dumped, "idle", 3)
    return SeenIdle(max(seconds, 0) / 10, keep_seconds / 10 if keep_seconds >= 0 else None, trail)


def _restore_gaps(dumped: Mapping[str, object], now: float) -> Gaps:
    """An arrival later than `now` counts as one now. Only another client can have written it; no gap would be
    learned until then, and at very large instants the steps through the slots of a day do not end."""
    reached, ended = (unpack(dumped, key, gaps.CONTEXTS, GAP_BINS) for key in ("gapsReached", "gapsEnded"))
    if any(end > reach for end, reach in zip(chain(*ended), chain(*reached), strict=True)):
        raise ValueError("more gaps ended in a bin than reached it")
    seen, recent, arrived_at = integers(dumped, "gaps", 3)
    recent_requests, daytime = max(recent / 10, 0.0), _restore_daytime(dumped)
    if arrived_at <= 0:
        return Gaps(reached, ended, max(seen, 0), recent_requests, daytime=daytime._replace(score=0.0))
    return Gaps(reached, ended, max(seen, 0), recent_requests, min(arrived_at / 10, now), daytime)


def _restore_daytime(dumped: Mapping[str, object]) -> Daytime:
    ended, met = unpack(dumped, "daytime", 2, ROWS)
    (score,) = integers(dumped, "daytimeScore", 1)
    return Daytime(ended, met, score / 1000)


def _restore_attempts(dumped: Mapping[str, object], now: float) -> Attempts:
    """None where an operator of a version before saved the state."""
    if "attempts" not in dumped:
        return Attempts()
    failed, settled_at = integers(dumped, "attempts", 2)
    reason = dumped.get("attemptReason")
    is_word = isinstance(reason, str) and reason.isidentifier() and len(reason) <= LONGEST_REASON
    known = str(reason) if is_word else ""
    return Attempts(min(max(failed, 0), MOST_COUNTED), min(settled_at / 10, now), known)
