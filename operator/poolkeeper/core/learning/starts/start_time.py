"""How long cold starts take: learned from every start of the pool, as a mixture of at most two log-normals.

There are two modes because a start on a node that has the image and the weights differs from one on a fresh
node. Samples are few (a pool may start twice a day) and the quantiles that matter are high, so a fitted shape
is better than the order of the samples. While there are few samples, the spread of the shape is pulled
towards a cautious value.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple
from zlib import crc32

from poolkeeper.core.learning.starts.mixture import Mixture, fit, single
from poolkeeper.core.learning.starts.regime import of_old_regime
from poolkeeper.core.learning.starts.shared import believed, weight
from poolkeeper.core.tuning import (
    FIRST_START_SPREAD,
    LONGEST_START_SECONDS,
    REMEMBERED_RUNNING_STARTS,
    REMEMBERED_STARTS,
    REMEMBERED_UIDS,
    SHORTEST_START_SECONDS,
    START_TAILS,
    START_WEIGHT_DECAY,
)

_LOG_TAILS = tuple(-math.log(tail) for tail in START_TAILS)
KNOWN_BITS = 0xFFFFFF
"""Of a pod's checksum, so much is remembered: enough to tell some dozens of pods from each other."""
MEDIAN = START_TAILS.index(0.5)
P95 = START_TAILS.index(0.05)
MEAN_TAILS = tuple((2 * number + 1) / 20 for number in range(10))
"""The middle of each tenth of all starts."""
SLOWEST = START_TAILS.index(1e-3)


@dataclass(frozen=True, slots=True)
class StartSample:
    """One start of one replica, as far as it has come.

    `uid` is the pod's; a sample with a known uid counts once. Instants are None until reached; `failed` says
    that the replica went away or crashed before it was ever ready, which is never a fast start.
    `observed_at` bounds a start that is still running (a censored sample). `begun_at` is when the replica was
    admitted, if that took long (None: the start began when it was asked for). Waiting for a gate, a quota or
    a node is no part of a start.
    """

    uid: str
    asked_at: float
    observed_at: float
    scheduled_at: float | None = None
    started_at: float | None = None
    ready_at: float | None = None
    failed: bool = False
    begun_at: float | None = None

    @property
    def began_at(self) -> float:
        """From when on the start is timed."""
        return self.asked_at if self.begun_at is None else self.begun_at


class Phases(NamedTuple):
    """Where the time of one start went, in seconds. The three add up to the start time, unless scheduling
    took longer than ADMISSION_SECONDS: then it is no part of it."""

    scheduling: float
    """From the scale write until the replica has a node: waiting for a gate, for quota, for a node."""
    containers: float
    """Until the last of its containers runs: pulling images, init containers."""
    loading: float
    """Until the replica is ready: loading the model."""


UNSEEN = -1.0
"""Stands for the seconds of a phase that was not seen. Not a NaN, which would differ from itself."""
_PHASES = len(Phases._fields)


class Spread(NamedTuple):
    """How long something took, over the starts that are remembered."""

    p50_seconds: float
    p95_seconds: float


class StartTimes(NamedTuple):
    """What is known about this pool's starts.

    `seconds` are the last starts, oldest first, each with its weight and the seconds of its three phases
    (UNSEEN where they were not seen). Arrays hold them, since a pool remembers hundreds of numbers. `running`
    are starts that have not ended, as (uid, age): they count as evidence once they outlast the median.
    `quantiles[i]` is exceeded with probability START_TAILS[i]. `ended_p95_seconds` is what 95 %
    of the starts that ended took at most, or are expected to take before any has: `p95_seconds` grows with
    each start that still runs, so it can't tell that one of these takes longer than starts do. By the same
    measure, one start in a thousand takes longer than `ended_slowest_seconds`. `shared` are starts of pools
    of the same image and class, in seconds from the shortest to the longest.
    """

    seconds: "array[float]"
    weights: "array[float]"
    phase_seconds: "array[float]"
    uids: "array[int]"
    running: tuple[tuple[int, float], ...]
    samples: int
    failures: int
    prior_seconds: float
    mixture: Mixture
    quantiles: tuple[float, ...]
    ended_p95_seconds: float
    ended_slowest_seconds: float
    shared: tuple[float, ...] = ()

    @property
    def remembered(self) -> tuple[object, ...]:
        """What is kept over a restart: everything but what follows from it, and what other pools show."""
        return self.seconds, self.weights, self.phase_seconds, self.uids, self.samples, self.failures

    @property
    def phases(self) -> tuple[Phases | None, ...]:
        """Where the time of each of `seconds` went; None where that was not seen."""
        found = zip(*[iter(self.phase_seconds)] * _PHASES, strict=True)
        return tuple(None if each[0] == UNSEEN else Phases(*each) for each in found)

    @property
    def p50_seconds(self) -> float:
        """Half of the starts take no longer."""
        return self.quantiles[MEDIAN]

    @property
    def p95_seconds(self) -> float:
        """For display; decisions use the quantile that the objective asks for."""
        return self.quantiles[P95]

    def quantile(self, tail: float) -> float:
        """Seconds that a start exceeds with probability `tail`."""
        level = -math.log(tail) if tail > 0.0 else math.inf
        return _interpolate(_LOG_TAILS, self.quantiles, level)

    def mean_excess(self, seconds: float) -> float:
        """By how many seconds starts exceed this many on average; 0 s for one that does not. Example: if one
        start in ten takes 60 s more, 6 s."""
        return sum([max(self.quantile(tail) - seconds, 0.0) for tail in MEAN_TAILS]) / len(MEAN_TAILS)

    def chance_beyond(self, seconds: float) -> float:
        """The probability that a start takes longer."""
        if seconds <= self.quantiles[0]:
            return 1.0
        if seconds >= self.quantiles[-1]:
            return 0.0
        return math.exp(-_interpolate(self.quantiles, _LOG_TAILS, seconds))

    def remaining(self, age: float, tail: float) -> float:
        """Seconds that a start of this age still needs, exceeded with probability `tail`."""
        quantiles = self.quantiles
        if age <= quantiles[0]:
            return self.quantile(tail) - max(age, 0.0)
        if age >= quantiles[-1]:
            return age * 0.5
        level = _interpolate(quantiles, _LOG_TAILS, age) - math.log(tail)
        return max(_interpolate(_LOG_TAILS, quantiles, level) - age, 0.0)


def initial(prior_seconds: float) -> StartTimes:
    """Nothing seen yet: the class's or the user's expectation, with a wide spread."""
    mixture = single(math.log(prior_seconds), FIRST_START_SPREAD)
    quantiles = mixture.table(START_TAILS)
    p95_seconds, slowest_seconds = quantiles[P95], quantiles[SLOWEST]
    nothing = array("d")
    return StartTimes(
        *(nothing, nothing, nothing, array("I"), (), 0, 0),
        *(prior_seconds, mixture, quantiles, p95_seconds, slowest_seconds),
    )


def keep_running(times: StartTimes, starting: int) -> StartTimes:
    """Forget running starts that have been taken back: they neither end nor fail."""
    if len(times.running) <= starting:
        return times
    return refit(times._replace(running=times.running[len(times.running) - starting :]))


def enter(times: StartTimes, sample: StartSample) -> StartTimes:
    """Enter one start, as far as it has come. A start that has been entered as ended changes nothing."""
    uid = crc32(sample.uid.encode()) & KNOWN_BITS
    if uid in times.uids:
        return times
    running = tuple(entry for entry in times.running if entry[0] != uid)
    if sample.failed:
        ended = times._replace(uids=_with(times.uids, uid), failures=times.failures + 1)
        return refit(ended._replace(running=running))
    if sample.ready_at is None:
        age = sample.observed_at - sample.began_at
        if not _is_duration(age):
            return times
        return refit(times._replace(running=(*running, (uid, age))[-REMEMBERED_RUNNING_STARTS:]))
    seconds = sample.ready_at - sample.began_at
    if not _is_duration(seconds):
        return times
    old = of_old_regime(times.seconds, times.weights, seconds)
    weights = [*(weight * START_WEIGHT_DECAY for weight in times.weights[old:]), 1.0]
    phases = packed_phases([*times.phases[old:], _phases(sample)][-REMEMBERED_STARTS:])
    return refit(
        times._replace(
            seconds=array("d", [*times.seconds[old:], seconds][-REMEMBERED_STARTS:]),
            weights=array("d", weights[-REMEMBERED_STARTS:]),
            phase_seconds=phases,
            uids=_with(times.uids, uid),
            running=running,
            samples=times.samples + 1,
        )
    )


def _with(uids: "array[int]", uid: int) -> "array[int]":
    return array("I", [*uids, uid][-REMEMBERED_UIDS:])


def packed_phases(phases: Iterable[Phases | None]) -> "array[float]":
    """The phases of some starts as they are kept."""
    return array("d", chain.from_iterable((UNSEEN,) * _PHASES if each is None else each for each in phases))


def phases_between(asked_at: float, scheduled_at: float, started_at: float, ready_at: float) -> Phases:
    """The phases of one start. The instants come from several clocks: one out of order is moved to its
    neighbour, so that no phase is negative."""
    scheduled_at = min(max(scheduled_at, asked_at), ready_at)
    started_at = min(max(started_at, scheduled_at), ready_at)
    return Phases(scheduled_at - asked_at, started_at - scheduled_at, ready_at - started_at)


def spreads(times: StartTimes) -> tuple[Spread, Spread, Spread] | None:
    """How long scheduling, containers and loading took, in this order; None before a start was seen whole."""
    known = [phases for phases in times.phases if phases is not None]
    if not known:
        return None
    scheduling, containers, loading = (_spread(sorted(seconds)) for seconds in zip(*known, strict=True))
    return scheduling, containers, loading


def _spread(ordered: Sequence[float]) -> Spread:
    """By the samples' own order: waiting for a node has two modes or more, which no shape fits."""
    return Spread(ordered[(len(ordered) - 1) // 2], ordered[math.ceil(0.95 * len(ordered)) - 1])


def refit(times: StartTimes) -> StartTimes:
    """Fit the mixture to the samples and tabulate its quantiles."""
    seconds, weights = _ended(times)
    ended_starts = len(seconds)
    for _, age in times.running:
        if age > times.p50_seconds:
            seconds.append(age + times.remaining(age, 0.5))
            weights.append(1.0)
    if seconds:
        mixture, quantiles = _fitted(tuple(seconds), tuple(weights))
    else:
        mixture = single(math.log(times.prior_seconds), FIRST_START_SPREAD)
        quantiles = mixture.table(START_TAILS)
    ended = quantiles if len(seconds) == ended_starts else _ended_quantiles(times)
    return times._replace(
        mixture=mixture,
        quantiles=quantiles,
        ended_p95_seconds=ended[P95],
        ended_slowest_seconds=ended[SLOWEST],
    )


def share(times: StartTimes, seconds: tuple[float, ...]) -> StartTimes:
    """Use the starts of other pools, in seconds, as far as they are believed."""
    return times if seconds == times.shared else refit(times._replace(shared=seconds))


def _ended(times: StartTimes) -> tuple[list[float], list[float]]:
    """The seconds and the weights of the starts that have ended, those of other pools included."""
    of_others = believed(times.shared, times.seconds)
    weights = [weight(of_others)] * len(of_others) if of_others else []
    return [*of_others, *times.seconds], [*weights, *times.weights]


def _ended_quantiles(times: StartTimes) -> tuple[float, ...]:
    seconds, weights = _ended(times)
    if not seconds:
        return initial(times.prior_seconds).quantiles
    return _fitted(tuple(seconds), tuple(weights))[1]


@lru_cache(maxsize=64)
def _fitted(seconds: tuple[float, ...], weights: tuple[float, ...]) -> tuple[Mixture, tuple[float, ...]]:
    """Cached, because a running start is entered repeatedly and changes nothing before it outlasts the
    median."""
    mixture = fit([math.log(value) for value in seconds], weights)
    return mixture, mixture.table(START_TAILS)


def _is_duration(seconds: float) -> bool:
    return SHORTEST_START_SECONDS <= seconds <= LONGEST_START_SECONDS


def _phases(sample: StartSample) -> Phases | None:
    if sample.scheduled_at is None or sample.started_at is None or sample.ready_at is None:
        return None
    scheduled_at = sample.scheduled_at if sample.begun_at is None else sample.begun_at
    return phases_between(sample.asked_at, scheduled_at, sample.started_at, sample.ready_at)


def _interpolate(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Piecewise linear; beyond the ends the value at the end."""
    at = bisect_left(xs, x)
    if at == 0:
        return ys[0]
    if at == len(xs):
        return ys[-1]
    left, right = xs[at - 1], xs[at]
    share = (x - left) / (right - left)
    return ys[at - 1] + share * (ys[at] - ys[at - 1])
