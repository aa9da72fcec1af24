"""What a pool on several classes remembers of each class: start times, waits for a node, and shortages.

The first arm is the pool's preferred class: its start times and waits are those of the pool's state. Those of
the classes after it are kept here.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from poolkeeper.core.learning.starts import admission, start_time
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.starts.scarce import PLENTY, Scarce
from poolkeeper.core.learning.starts.start_time import StartSample, StartTimes
from poolkeeper.core.tuning import (
    LONGEST_START_SECONDS,
    MOST_ARMS,
    SAVED_FALLBACK_STARTS,
    SCARCE_LONGEST_PAUSE_SECONDS,
)
from poolkeeper.core.values.observation import Replicas

_SCARCE_NUMBERS = 4
NOT_LEARNED = start_time.initial(60.0)
"""Stands for the start times of a class before it is known what to expect of it."""
MOST_NUMBERS = 1 + MOST_ARMS * (_SCARCE_NUMBERS + 2 + SAVED_FALLBACK_STARTS + 1 + admission.MOST_NUMBERS)
_MILLISECONDS = 1000


class Known(NamedTuple):
    """What was learned about one class."""

    starts: StartTimes
    """How long starts take once they have a node."""
    admission: Admission = Admission()
    """How long replicas wait for a node."""


class Tried(NamedTuple):
    """What was begun at the last look and goes on."""

    extra: tuple[int, ...] = ()
    """For each arm, how many of its starting replicas are no part of the number that was decided: they were
    given up by a start elsewhere, or try whether capacity has returned. Once ready, they count."""
    moved_at: float = -math.inf
    """When such a try was last begun, in Unix seconds."""


NOTHING_TRIED = Tried()


class Arms(NamedTuple):
    """What is remembered of all classes of a pool; empty for a pool without fallbacks."""

    fallbacks: tuple[Known, ...] = ()
    """Of each class after the first one."""
    scarce: tuple[Scarce, ...] = ()
    """For each class, whether it has no capacity."""
    tried: Tried = NOTHING_TRIED
    seen: tuple[tuple[int, int], ...] = ()
    """For each arm, the desired and the ready replicas at the last look; none after a restart."""

    @property
    def remembered(self) -> tuple[object, ...]:
        """What is kept over a restart: the rest is seen again."""
        return tuple(
            (each.starts.remembered, each.admission.remembered) for each in self.fallbacks
        ), self.scarce


NO_ARMS = Arms()


def prepared(known: Arms, prior_seconds: Sequence[float]) -> Arms:
    """The memory of a pool with so many fallbacks, each with the start time that is expected of its class."""
    fallbacks = tuple(
        _with_prior(known.fallbacks[at], prior)
        if at < len(known.fallbacks)
        else Known(start_time.initial(prior))
        for at, prior in enumerate(prior_seconds)
    )
    arms = len(prior_seconds) + 1
    scarce = (*known.scarce, *[PLENTY] * arms)[:arms]
    return known if (fallbacks, scarce) == known[:2] else known._replace(fallbacks=fallbacks, scarce=scarce)


def learn(known: Known, sample: StartSample) -> Known:
    """Enter one start of a class, as far as it has come."""
    starts = start_time.enter(known.starts, sample)
    if starts is known.starts or sample.ready_at is None or sample.failed:
        return known if starts is known.starts else known._replace(starts=starts)
    admitted_at = sample.asked_at if sample.begun_at is None else sample.begun_at
    waits = admission.started(known.admission, admitted_at, was_held=sample.begun_at is not None)
    return Known(starts, waits)


def look(known: Known, now: float, replicas: Replicas, before: tuple[int, int] | None) -> Known:
    """Enter what a look shows of the replicas of one arm that are not ready."""
    starts, waits = known
    if starts.running:
        begun = sum([each.begun_at is not None for each in replicas.starting])
        starts = start_time.keep_running(starts, begun)
    if replicas.starting or waits.waiting:
        waits = admission.follow(waits, now, replicas, before or (None, None))
    return known if starts is known.starts and waits is known.admission else Known(starts, waits)


def to_numbers(known: Arms) -> list[int]:
    """What is remembered, as integers."""
    numbers = [len(known.scarce)]
    for each in known.scarce:
        instants = (each.since, each.noted_at, each.asks_at) if each.failed else (0.0, 0.0, 0.0)
        numbers += [each.failed, *map(round, instants)]
    for starts, waits in known.fallbacks:
        last = starts.seconds[-SAVED_FALLBACK_STARTS:]
        held = admission.to_numbers(waits) if waits.remembered != admission.NOTHING_HELD else []
        numbers += [starts.samples, len(last), *(round(each * _MILLISECONDS) for each in last)]
        numbers += [len(held), *held]
    return numbers


def from_numbers(numbers: Sequence[int], now: float) -> Arms:
    """What `to_numbers` made these of, none where a version before wrote none; `prepared` says what else to
    expect of each class. Raises ValueError."""
    if not numbers:
        return NO_ARMS
    left = iter(numbers)
    arms = _count(left, MOST_ARMS)
    scarce = tuple(_scarce(_taken(left, _SCARCE_NUMBERS), now) for _ in range(arms))
    fallbacks = tuple(_known(left, now) for _ in range(arms - 1))
    return Arms(fallbacks, scarce)


def _known(left: Iterator[int], now: float) -> Known:
    samples = _count(left, 2**31)
    seconds = [each / _MILLISECONDS for each in _taken(left, _count(left, SAVED_FALLBACK_STARTS))]
    if not all(0.0 < each <= LONGEST_START_SECONDS for each in seconds):
        raise ValueError("a start time is out of range")
    held = admission.from_numbers(_taken(left, _count(left, admission.MOST_NUMBERS)), now)
    starts = start_time.refit(
        NOT_LEARNED._replace(
            seconds=array("d", seconds),
            weights=array("d", [1.0] * len(seconds)),
            phase_seconds=start_time.packed_phases([None] * len(seconds)),
            samples=samples,
        )
    )
    return Known(starts, held)


def _with_prior(known: Known, prior_seconds: float) -> Known:
    if known.starts.prior_seconds == prior_seconds:
        return known
    return known._replace(starts=start_time.refit(known.starts._replace(prior_seconds=prior_seconds)))


def _scarce(numbers: Sequence[int], now: float) -> Scarce:
    failed, since, noted_at, asks_at = numbers
    if not failed > 0:
        return PLENTY
    # Another client may have written instants of the future: they would keep a class out for long.
    latest = now + SCARCE_LONGEST_PAUSE_SECONDS
    return Scarce(
        min(failed, 16), min(float(since), now), min(float(noted_at), now), min(float(asks_at), latest)
    )


def _count(left: Iterator[int], most: int) -> int:
    number = next(left, -1)
    if not 0 <= number <= most:
        raise ValueError("what is known of the classes is cut off")
    return number


def _taken(left: Iterator[int], count: int) -> list[int]:
    found = [number for _, number in zip(range(count), left, strict=False)]
    if len(found) != count:
        raise ValueError("what is known of the classes is cut off")
    return found
