"""What is expected of the waits for admission that one cause makes: a log-normal, fitted to a few of them.

The later waits count more. Before any was seen, the shape is centred on a guess. Example: gates that took
600, 900 and 1500 s have a median of 954 s, and one that has held a replica for 20 minutes is expected to do
so for 6 minutes more.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from poolkeeper.core.tuning import (
    FIRST_ADMISSION_SECONDS,
    FIRST_ADMISSION_SPREAD,
    LONGEST_START_SECONDS,
    WAIT_WEIGHT_DECAY,
)

_NORMAL = NormalDist()
_FIRST_SAMPLES = 0.5
"""How many waits the first spread counts as."""
_GUESSED_UNTIL = 3
"""The guess of the median counts until so many waits were seen."""
_LEAST_CHANCE = 1e-3
"""Beyond a quantile that so few waits exceed, the shape says nothing."""


class Shape(NamedTuple):
    """Mean and standard deviation of the logarithm of a wait's seconds."""

    mean: float
    spread: float

    def quantile(self, share: float) -> float:
        """Seconds that this share of waits does not exceed."""
        return math.exp(
            min(self.mean + self.spread * _NORMAL.inv_cdf(share), math.log(LONGEST_START_SECONDS))
        )

    def chance_beyond(self, seconds: float) -> float:
        """The probability that a wait takes longer."""
        if seconds <= 0.0:
            return 1.0
        return 0.5 * math.erfc((math.log(seconds) - self.mean) / (self.spread * math.sqrt(2.0)))

    def remaining(self, seconds: float) -> float:
        """What a wait of this length still takes, in the median. One that has outlasted all that is known is
        expected to take half as long again."""
        beyond = self.chance_beyond(seconds)
        if beyond < _LEAST_CHANCE:
            return 0.5 * seconds
        return max(self.quantile(1.0 - 0.5 * beyond) - seconds, 0.0)


@lru_cache(maxsize=256)
def fitted(
    number: int, waits: tuple[float, ...], ages: tuple[float, ...], shared: tuple[float, ...]
) -> Shape:
    """Fit the ended waits; then again with those that have not ended, each as long as it is then expected to
    take in all, where it has outlasted the median."""
    guess = math.log(FIRST_ADMISSION_SECONDS[number])
    if shared:
        guess = sum([math.log(seconds) for seconds in shared]) / len(shared)
    samples = [(seconds, WAIT_WEIGHT_DECAY**age) for age, seconds in enumerate(reversed(waits))]
    ended = [(math.log(seconds), weight) for seconds, weight in samples if seconds > 0.0]
    first = _shape(ended, guess)
    censored = [(-seconds, weight) for seconds, weight in samples if seconds < 0.0]
    censored += [(age, 1.0) for age in ages]
    outlasting = [(age, weight) for age, weight in censored if age > first.quantile(0.5)]
    if not outlasting:
        return first
    expected = [(math.log(age + first.remaining(age)), weight) for age, weight in outlasting]
    return _shape([*ended, *expected], guess)


def _shape(samples: Sequence[tuple[float, float]], guess: float) -> Shape:
    """Mean and spread of weighted logarithms. The guess counts less with each of the first samples, and the
    first spread as _FIRST_SAMPLES of them."""
    prior = max(1.0 - len(samples) / _GUESSED_UNTIL, 0.0)
    total = prior + sum([weight for _, weight in samples])
    mean = (prior * guess + sum([value * weight for value, weight in samples])) / total
    squares = sum([weight * (value - mean) ** 2 for value, weight in samples]) + prior * (guess - mean) ** 2
    squares += _FIRST_SAMPLES * FIRST_ADMISSION_SPREAD**2
    return Shape(mean, math.sqrt(squares / (_FIRST_SAMPLES + total - prior)))
