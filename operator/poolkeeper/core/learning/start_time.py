"""How long cold starts take: learned from every start of the pool, as a mixture of at most two log-normals.

Two modes, since a start on a node that has the image and the weights and one on a fresh node are different
things. The samples are few (a pool may start twice a day) and the quantiles that matter are high, so that a
fitted shape does better than the samples' own order; the shape's spread is pulled towards a cautious prior
while there are few samples.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from poolkeeper.core.learning.mixture import Mixture, fit, single

MAX_SAMPLES = 40
MAX_UIDS = 48
MAX_RUNNING = 8
DECAY = 0.99
CHANGE_RUNS = (3, 4, 5)
CHANGE_DEVIATIONS = 3.8
LEAST_BEFORE_CHANGE = 4
LEAST_SPREAD = 0.08
STRANGE_DEVIATIONS = 2.5
"""A change of regime is believed when the mean of the last three to five logarithms of seconds lies
CHANGE_DEVIATIONS away from the mean of those before, or each of them STRANGE_DEVIATIONS from every mode."""
PRIOR_SPREAD = 0.5
SHORTEST_SECONDS = 0.05
LONGEST_SECONDS = 7 * 86_400.0
TAILS = (0.95, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 3e-4, 1e-4, 1e-5)
"""Probabilities of taking longer, for which quantiles are tabulated whenever something is learned."""
_LOG_TAILS = tuple(-math.log(tail) for tail in TAILS)
MEDIAN = TAILS.index(0.5)
P95 = TAILS.index(0.05)


@dataclass(frozen=True, slots=True)
class StartSample:
    """One start of one replica, as far as it has come.

    `uid` is the pod's; a sample with a known uid counts once. Instants are None until reached; `failed` says
    that the replica went away or crashed before it was ever ready, which is never a fast start.
    `observed_at` bounds a start that is still running (a censored sample).
    """

    uid: str
    asked_at: float
    observed_at: float
    created_at: float | None = None
    scheduled_at: float | None = None
    started_at: float | None = None
    ready_at: float | None = None
    failed: bool = False


class Phase(NamedTuple):
    """A part of the start: decayed mean and variance of its logarithm."""

    mean: float = 0.0
    variance: float = PRIOR_SPREAD**2
    samples: int = 0

    @property
    def p50_seconds(self) -> float:
        return math.exp(self.mean) if self.samples else 0.0

    @property
    def p95_seconds(self) -> float:
        return math.exp(self.mean + 1.645 * math.sqrt(self.variance)) if self.samples else 0.0


PHASE_NAMES = ("scheduling", "container", "loading")
"""Asked for until scheduled, scheduled until the container started, started until ready."""


class StartTimes(NamedTuple):
    """What is known about this pool's starts.

    `seconds` are the last starts, oldest first, each with its weight; `running` are starts that have not
    ended, as (uid, age): they count as evidence once they outlast the median. `quantiles[i]` is exceeded
    with probability TAILS[i].
    """

    seconds: tuple[float, ...]
    weights: tuple[float, ...]
    uids: tuple[int, ...]
    running: tuple[tuple[int, float], ...]
    phases: tuple[Phase, Phase, Phase]
    samples: int
    failures: int
    prior_seconds: float
    mixture: Mixture
    quantiles: tuple[float, ...]

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
    mixture = single(math.log(prior_seconds), PRIOR_SPREAD)
    phases = (Phase(), Phase(), Phase())
    return StartTimes((), (), (), (), phases, 0, 0, prior_seconds, mixture, mixture.table(TAILS))


def keep_running(times: StartTimes, starting: int) -> StartTimes:
    """Forget running starts that are no more: those taken back neither end nor fail."""
    if len(times.running) <= starting:
        return times
    return refit(times._replace(running=times.running[len(times.running) - starting :]))


def enter(times: StartTimes, sample: StartSample) -> StartTimes:
    """Enter one start, as far as it has come. A start that has been entered as ended changes nothing."""
    uid = crc32(sample.uid.encode())
    if uid in times.uids:
        return times
    running = tuple(entry for entry in times.running if entry[0] != uid)
    if sample.failed:
        ended = times._replace(uids=(*times.uids, uid)[-MAX_UIDS:], failures=times.failures + 1)
        return refit(ended._replace(running=running))
    if sample.ready_at is None:
        age = sample.observed_at - sample.asked_at
        if not _is_duration(age):
            return times
        return refit(times._replace(running=(*running, (uid, age))[-MAX_RUNNING:]))
    seconds = sample.ready_at - sample.asked_at
    if not _is_duration(seconds):
        return times
    kept, weights = _forget_old_regime(times, seconds)
    return refit(
        times._replace(
            seconds=(*kept, seconds)[-MAX_SAMPLES:],
            weights=(*(weight * DECAY for weight in weights), 1.0)[-MAX_SAMPLES:],
            uids=(*times.uids, uid)[-MAX_UIDS:],
            running=running,
            phases=_learn_phases(times.phases, sample),
            samples=times.samples + 1,
        )
    )


def refit(times: StartTimes) -> StartTimes:
    """Fit the mixture to the samples and tabulate its quantiles."""
    seconds, weights = list(times.seconds), list(times.weights)
    for _, age in times.running:
        if age > times.p50_seconds:
            seconds.append(age + times.remaining(age, 0.5))
            weights.append(1.0)
    if seconds:
        mixture, quantiles = _fitted(tuple(seconds), tuple(weights))
    else:
        mixture = single(math.log(times.prior_seconds), PRIOR_SPREAD)
        quantiles = mixture.table(TAILS)
    return times._replace(mixture=mixture, quantiles=quantiles)


@lru_cache(maxsize=64)
def _fitted(seconds: tuple[float, ...], weights: tuple[float, ...]) -> tuple[Mixture, tuple[float, ...]]:
    """Kept for a while: a start that runs is entered time and again, and is no evidence before the median."""
    mixture = fit([math.log(value) for value in seconds], weights)
    return mixture, mixture.table(TAILS)


def _is_duration(seconds: float) -> bool:
    return SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS


def _forget_old_regime(times: StartTimes, seconds: float) -> tuple[Sequence[float], Sequence[float]]:
    """Drop what came before the last few samples, with the new one, if these can not be of the same kind."""
    logs = [math.log(value) for value in (*times.seconds, seconds)]
    for recent in CHANGE_RUNS:
        older = logs[:-recent]
        if len(older) < LEAST_BEFORE_CHANGE:
            break
        mean = sum(older) / len(older)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in older) / len(older))
        spread = max(deviation, LEAST_SPREAD) * math.sqrt(1.0 / recent + 1.0 / len(older))
        has_moved = abs(sum(logs[-recent:]) / recent - mean) > CHANGE_DEVIATIONS * spread
        if has_moved or _are_strange(logs[-recent:], fit(older, times.weights[: len(older)])):
            return times.seconds[len(older) :], times.weights[len(older) :]
    return times.seconds, times.weights


def _are_strange(logs: Sequence[float], known: Mixture) -> bool:
    """Whether all lie far from every mode. Halved modes may leave the mean where the fast one was."""
    return all(
        abs(value - mode.mean) > STRANGE_DEVIATIONS * mode.spread
        for value in logs
        for mode in (known.fast, known.slow)
    )


def _learn_phases(phases: tuple[Phase, Phase, Phase], sample: StartSample) -> tuple[Phase, Phase, Phase]:
    marks = (sample.asked_at, sample.scheduled_at, sample.started_at, sample.ready_at)
    learned = [
        _learn_phase(phase, end - begin) if begin is not None and end is not None else phase
        for phase, begin, end in zip(phases, marks, marks[1:], strict=False)
    ]
    return learned[0], learned[1], learned[2]


def _learn_phase(phase: Phase, seconds: float) -> Phase:
    value = math.log(min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS))
    step = max(1.0 / (phase.samples + 1), 1.0 - DECAY)
    error = value - phase.mean
    variance = (1.0 - step) * (phase.variance + step * error * error)
    return Phase(phase.mean + step * error, max(variance, 1e-4), phase.samples + 1)


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
