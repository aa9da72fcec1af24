"""How long replicas wait to be admitted, learned by what holds them, apart from how long starts take.

A gate, a quota or a missing node says nothing about how long a model loads, and the other way round. So waits
have their own memory: for each cause the last few, in seconds, those that ended in vain included. What still
waits, and what was taken back unadmitted, counts as at least so long.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from poolkeeper.core.learning.starts.wait_shape import Shape, fitted
from poolkeeper.core.tuning import (
    ADMISSION_SECONDS,
    HELD_SHARE_STEP,
    LONGEST_START_SECONDS,
    REMEMBERED_ADMISSIONS,
    REMEMBERED_OF_ALL_CAUSES,
)
from poolkeeper.core.values.admission import CAUSES, AdmissionCause, cause_of
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica

MOST_WAITING = 8
"""Replicas that are followed while they wait: those that were asked for first."""
LEAST_HELD_SHARE = 0.01
"""A smaller share counts as none, so that a pool whose replicas are admitted at once saves nothing new."""
_NODES = {AdmissionCause.NO_NODE, AdmissionCause.PROVISIONING}
_SHARE_SCALE = 1000
_STEP = 1.02
_MOST_POWER = math.ceil(math.log(LONGEST_START_SECONDS, _STEP))
MOST_NUMBERS = 1 + len(CAUSES) * (1 + REMEMBERED_ADMISSIONS) + 3
_ASKED_AT = attrgetter("asked_at")


class Wait(NamedTuple):
    """A replica that is not admitted."""

    asked_at: float
    """When it was asked for, in Unix seconds."""
    pod: str
    """Name of its pod; empty while it has none."""
    cause: AdmissionCause
    since: float
    """Since when this cause has held it, in Unix seconds."""


class Short(NamedTuple):
    """The last replica that was taken back before it was admitted: what held it may hold the next one."""

    cause: AdmissionCause
    since: float
    """Since when it was held, in Unix seconds."""
    seen_at: float
    """When it was taken back, in Unix seconds."""


class Admission(NamedTuple):
    """What is known about the waits for admission of one target."""

    waits: "tuple[array[float], ...]" = (array("d"),) * len(CAUSES)
    """Per cause the last waits in seconds, oldest first. Negative: it had not ended when the replica was
    taken back after so many seconds."""
    held_share: float = 0.0
    """The share of the last replicas that was not admitted at once."""
    waiting: tuple[Wait, ...] = ()
    """The replicas that wait now, the first ones that were asked for."""
    short: Short | None = None
    """None once a replica was admitted after it, or where none was taken back."""
    shared: tuple[tuple[float, ...], ...] = ()
    """Per cause the waits of other pools of the same class, in seconds; they stand for a guess."""

    @property
    def remembered(self) -> tuple[object, ...]:
        """What is kept over a restart: what waits is seen again."""
        return self.waits, self.held_share, self.short

    def ended(self, cause: AdmissionCause) -> tuple[float, ...]:
        """The waits of a cause that ended with an admission, in seconds, oldest first."""
        return tuple(seconds for seconds in self.waits[CAUSES.index(cause)] if seconds > 0.0)

    def is_seen(self, cause: AdmissionCause) -> bool:
        """Whether this cause has held a replica, or does so now."""
        return bool(self.waits[CAUSES.index(cause)]) or any(each.cause is cause for each in self.waiting)


NOTHING_HELD = Admission().remembered
"""What is remembered of a target that has held no replica."""


def expected_wait(
    known: Admission, now: float, cause: AdmissionCause | None = None, waited_seconds: float = 0.0
) -> float:
    """For how many more seconds a replica waits to be admitted, in the median.

    With a cause: one that this cause has held for `waited_seconds`. Without: the replica that waits now; if
    none does, one that is asked for now. That one has no wait to expect where the last ones had none. After
    one was taken back unadmitted, the shortage is expected to go on as if it still waited.
    """
    if cause is not None:
        return shape(known, cause, now).remaining(waited_seconds)
    if known.waiting:
        first = known.waiting[0]
        return shape(known, first.cause, now).remaining(max(now - first.since, 0.0))
    if known.short is not None:
        return _after_shortage(known, known.short, now)
    if not known.held_share:
        return 0.0
    common = max(CAUSES, key=lambda each: len(known.waits[CAUSES.index(each)]))
    return known.held_share * shape(known, common, now).quantile(0.5)


def is_short(known: Admission) -> bool:
    """Whether a replica waits, or the last one was taken back before it was admitted."""
    return bool(known.waiting) or known.short is not None


def spread(known: Admission, cause: AdmissionCause, now: float) -> tuple[float, float] | None:
    """The median and the 95th percentile of the waits that are remembered of a cause, in seconds, by their
    order. What waits now counts as its age, and so does what was taken back. None where none was seen."""
    seconds = sorted(map(abs, known.waits[CAUSES.index(cause)]))
    seconds = sorted(
        [*seconds, *(max(now - each.since, 0.0) for each in known.waiting if each.cause is cause)]
    )
    if not seconds:
        return None
    return seconds[(len(seconds) - 1) // 2], seconds[math.ceil(0.95 * len(seconds)) - 1]


def shape(known: Admission, cause: AdmissionCause, now: float) -> Shape:
    """What is expected of the waits of a cause."""
    number = CAUSES.index(cause)
    # In steps of a fifth: a replica that waits is asked about at each look, and a fit is remembered.
    ages = tuple(_stepped(now - each.since) for each in known.waiting if each.cause is cause)
    shared = known.shared[number] if known.shared else ()
    return fitted(number, tuple(known.waits[number]), ages, shared)


def follow(
    known: Admission, now: float, replicas: Replicas, before: tuple[int | None, int | None]
) -> Admission:
    """Enter what a look shows of the replicas that are not ready. `before` is how many were desired and ready
    at the look before.

    A replica is followed once it is known what holds it: one that is only not seen yet may not wait at all.
    """
    held = [
        each for each in replicas.starting if each.stage is Stage.UNADMITTED and not each.is_under_way(now)
    ]
    if not held and not known.waiting:
        return known
    left, found, new = list(known.waiting), [], []
    for each in held:
        wait = _taken(left, each)
        if wait is not None:
            known, wait = _goes_on(known, now, each, wait)
            found.append(wait)
        elif each.failure:
            new.append(each)
    known, left = _gone(known, now, left, replicas, before)
    for each in new:
        # A pod that was deleted and made again: it still waits for what the one before it waited for.
        since = left.pop(0).since if left else each.asked_at
        found.append(Wait(each.asked_at, each.pod, cause_of(each.failure), since))
    waiting = tuple(sorted(found, key=_ASKED_AT)[:MOST_WAITING])
    return known if waiting == known.waiting else known._replace(waiting=waiting)


def started(known: Admission, admitted_at: float, *, was_held: bool) -> Admission:
    """A replica became ready that was admitted at an instant, at once or after it was held."""
    share = known.held_share + HELD_SHARE_STEP * (was_held - known.held_share)
    share = share if share >= LEAST_HELD_SHARE else 0.0
    is_over = known.short is not None and admitted_at >= known.short.seen_at
    if share == known.held_share and not is_over:
        return known
    return known._replace(held_share=share, short=None if is_over else known.short)


def share(known: Admission, others: Iterable[Admission]) -> Admission:
    """Use the waits of other pools of the same class as the guess, per cause: as many as are remembered."""
    pooled = tuple(
        tuple(sorted(seconds for row in rows for seconds in row)[:REMEMBERED_ADMISSIONS])
        for rows in zip(*([each.ended(cause) for cause in CAUSES] for each in others), strict=True)
    )
    shared = pooled if any(pooled) else ()
    return known if shared == known.shared else known._replace(shared=shared)


def to_numbers(known: Admission) -> list[int]:
    """What is remembered, as integers: a wait as a power of _STEP, to within 1 %; below zero if it did not
    end."""
    last = []
    if known.short is not None:
        cause, since, seen_at = known.short
        last = [CAUSES.index(cause), round(seen_at), _power(seen_at - since)]
    rows = [
        [len(row), *(_power(each) if each > 0.0 else -_power(-each) for each in row)] for row in known.waits
    ]
    return [round(known.held_share * _SHARE_SCALE), *chain(*rows), *last]


def from_numbers(numbers: Sequence[int], now: float) -> Admission:
    """What `to_numbers` made these of, none where a version before wrote none. Raises ValueError."""
    if not numbers:
        return Admission()
    held_share, rows, at = numbers[0] / _SHARE_SCALE, [], 1
    for _ in CAUSES:
        begin, at = at + 1, at + 1 + min(max(*numbers[at : at + 1], 0, 0), REMEMBERED_ADMISSIONS)
        rows.append(numbers[begin:at])
    last = numbers[at:]
    if not 0.0 <= held_share <= 1.0 or at > len(numbers) or len(last) not in (0, 3):
        raise ValueError("the waits for admission are cut off")
    if not all(0 < abs(each) <= _MOST_POWER for each in (*chain(*rows), *last[2:])):
        raise ValueError("a wait for admission is out of range")
    short = None
    if last:
        number, seen_at, power = last
        if not 0 <= number < len(CAUSES) or seen_at < 0:
            raise ValueError("a shortage has no cause or time")
        short = Short(CAUSES[number], min(seen_at, now) - _seconds(power), min(float(seen_at), now))
    waits = tuple(array("d", map(_seconds, row)) for row in rows)
    return Admission(waits, held_share, short=short)


def _power(seconds: float) -> int:
    return max(round(math.log(max(seconds, 1.0), _STEP)), 1)


def _seconds(power: int) -> float:
    return math.copysign(_STEP ** abs(power), power)


def _after_shortage(known: Admission, short: Short, now: float) -> float:
    found, lasted = shape(known, short.cause, now), max(now - short.since, 0.0)
    before = found.chance_beyond(max(short.seen_at - short.since, 0.0))
    still = found.chance_beyond(lasted) / before if before > 1e-3 else 0.5
    return still * found.remaining(lasted)


def _taken(left: list[Wait], starting: StartingReplica) -> Wait | None:
    """The wait of this replica at the look before, taken out of the list. A replica that had no pod may have
    one now."""
    for at, each in enumerate(left):
        if each.asked_at == starting.asked_at and each.pod in ("", starting.pod):
            return left.pop(at)
    return None


def _goes_on(known: Admission, now: float, starting: StartingReplica, before: Wait) -> tuple[Admission, Wait]:
    """The replica as it waits now. Where another cause holds it than before, the wait for that one is over.
    A node that is being made is the answer to there being none, so that wait goes on."""
    cause = cause_of(starting.failure) if starting.failure else before.cause
    is_same = cause is before.cause or before.cause is AdmissionCause.OTHER or {cause, before.cause} == _NODES
    if is_same:
        return known, before._replace(pod=starting.pod, cause=cause)
    known = _enter(known, before.cause, now - before.since)
    return known, Wait(starting.asked_at, starting.pod, cause, now)


def _gone(
    known: Admission,
    now: float,
    left: list[Wait],
    replicas: Replicas,
    before: tuple[int | None, int | None],
) -> tuple[Admission, list[Wait]]:
    """Enter the waits that are over: the replica was admitted, and starts or is ready, or was taken back. The
    rest are of replicas whose pods are made again."""
    desired, ready = before
    given_back = max((desired or 0) - replicas.desired, 0)
    more_ready = max(replicas.ready - (ready or 0), 0)
    begun_at = {each.asked_at: each.begun_at for each in replicas.starting if each.begun_at is not None}
    others: list[Wait] = []
    for gone in left:
        ended_at = begun_at.get(gone.asked_at)
        if ended_at is None and given_back:
            given_back -= 1
            known = _enter(known, gone.cause, now - gone.since, ended=False)
            known = known._replace(short=Short(gone.cause, gone.since, now))
        elif ended_at is not None or more_ready:
            more_ready -= ended_at is None
            known = _enter(known, gone.cause, (now if ended_at is None else ended_at) - gone.since)
        else:
            others.append(gone)
    return known, others


def _enter(known: Admission, cause: AdmissionCause, seconds: float, *, ended: bool = True) -> Admission:
    """Enter one wait. One that is no longer than usual is no wait."""
    if not ADMISSION_SECONDS < seconds <= LONGEST_START_SECONDS:
        return known
    number = CAUSES.index(cause)
    rows = [list(row) for row in known.waits]
    rows[number] = [*rows[number], seconds if ended else -seconds][-REMEMBERED_ADMISSIONS:]
    if sum(map(len, rows)) > REMEMBERED_OF_ALL_CAUSES:
        max(rows, key=len).pop(0)
    return known._replace(waits=tuple(array("d", row) for row in rows))


def _stepped(age: float) -> float:
    return 1.2 ** math.floor(math.log(max(age, 1.0), 1.2))
