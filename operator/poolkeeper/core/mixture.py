"""A mixture of at most two log-normals, fitted to a few weighted samples."""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

SPREAD = 0.15
"""Expected standard deviation of a mode's logarithm, and how many samples that expectation is worth."""
SPREAD_SAMPLES = 2.0
SEPARATION = 5.0
"""Two modes are believed when their means lie this many spreads apart; a single log-normal, cut at its best
point, shows 2.7."""
LEAST_DISTANCE = math.log(1.35)
MODES_SAMPLES = 4
EXTRA_SLOW = 0.7
"""Added to the slow mode's samples: one slow start among thirty may well be one in fifteen."""
SMALLEST_SPREAD = 0.01
SOLVE_STEPS = 14
"""Halvings of the distance between the modes' quantiles: within a thousandth if one is 1000 × the other."""


_NORMAL = NormalDist()
_ROOT_2 = math.sqrt(2.0)


class Mode(NamedTuple):
    """One way in which starts go: mean and standard deviation of the logarithm of seconds."""

    mean: float
    spread: float

    def survival(self, log_seconds: float) -> float:
        return 0.5 * math.erfc((log_seconds - self.mean) / (self.spread * _ROOT_2))


class Mixture(NamedTuple):
    """`slow_share` of the starts go the slow way; with one mode both are the same."""

    fast: Mode
    slow: Mode
    slow_share: float

    def survival(self, log_seconds: float) -> float:
        """Probability of taking longer."""
        slow = self.slow.survival(log_seconds)
        if self.slow_share >= 1.0:
            return slow
        return self.slow_share * slow + (1.0 - self.slow_share) * self.fast.survival(log_seconds)

    def table(self, tails: tuple[float, ...]) -> tuple[float, ...]:
        """Seconds exceeded with each of the falling probabilities, found between those of the modes."""
        if self.slow_share >= 1.0:
            mean, spread = self.slow
            return tuple([math.exp(mean - below * spread) for below in _deviations(tails)])
        values: list[float] = []
        low = -math.inf
        for tail, below in zip(tails, _deviations(tails), strict=True):
            deviations = -below
            ends = (mode.mean + deviations * mode.spread for mode in (self.fast, self.slow))
            left, right = sorted(ends)
            low = self._solve(tail, max(left, low), right)
            values.append(math.exp(low))
        return tuple(values)

    def _solve(self, tail: float, low: float, high: float) -> float:
        """Where `survival` falls to `tail`; it is written out, since most of the time of a fit goes here."""
        erfc, fast_mean, slow_mean = math.erfc, self.fast.mean, self.slow.mean
        fast_width, slow_width = self.fast.spread * _ROOT_2, self.slow.spread * _ROOT_2
        slow_half, fast_half = 0.5 * self.slow_share, 0.5 * (1.0 - self.slow_share)
        for _ in range(SOLVE_STEPS):
            middle = (low + high) / 2.0
            slow = slow_half * erfc((middle - slow_mean) / slow_width)
            if slow + fast_half * erfc((middle - fast_mean) / fast_width) > tail:
                low = middle
            else:
                high = middle
        return (low + high) / 2.0


def single(mean: float, spread: float) -> Mixture:
    """One mode only."""
    mode = Mode(mean, spread)
    return Mixture(mode, mode, 1.0)


def fit(values: Sequence[float], weights: Sequence[float]) -> Mixture:
    """Fit one mode, or two where the samples clearly fall into two groups. `values` are logarithms."""
    pairs = sorted(zip(values, weights, strict=True))
    at = _best_cut(pairs)
    if at is None:
        return _one_mode(pairs)
    fast, slow = _Group.of(pairs[:at]), _Group.of(pairs[at:])
    total = sum(weights)
    within = math.sqrt(max(fast.squares + slow.squares, 0.0) / total)
    distance = slow.mean - fast.mean
    if distance < LEAST_DISTANCE or distance < SEPARATION * within:
        return _one_mode(pairs)
    return Mixture(fast.mode(), slow.mode(), (slow.weight + EXTRA_SLOW) / (total + 1.0))


Pairs = Sequence[tuple[float, float]]


class _Group(NamedTuple):
    """Samples taken together: their weight, their mean and their weighted squares around it."""

    weight: float
    mean: float
    squares: float

    @classmethod
    def of(cls, pairs: Pairs) -> "_Group":
        total = sum([weight for _, weight in pairs])
        mean = sum([value * weight for value, weight in pairs]) / total
        return cls(total, mean, sum([weight * (value - mean) ** 2 for value, weight in pairs]))

    def mode(self) -> Mode:
        squares = SPREAD_SAMPLES * SPREAD**2 + self.squares
        spread = math.sqrt(squares / (SPREAD_SAMPLES + max(self.weight - 1.0, 0.0)))
        return Mode(self.mean, max(spread * (1.0 + 0.5 / self.weight), SMALLEST_SPREAD))


def _one_mode(pairs: Pairs) -> Mixture:
    mode = _Group.of(pairs).mode()
    return Mixture(mode, mode, 1.0)


@lru_cache(maxsize=4)
def _deviations(tails: tuple[float, ...]) -> tuple[float, ...]:
    """How far below the mean, in standard deviations, each of the probabilities lies."""
    return tuple(_NORMAL.inv_cdf(tail) for tail in tails)


def _best_cut(pairs: Pairs) -> int | None:
    """Where cutting the sorted samples in two leaves the least variance within both parts."""
    if len(pairs) < MODES_SAMPLES:
        return None
    total = sum([weight for _, weight in pairs])
    whole = sum([value * weight for value, weight in pairs])
    best, best_gain = None, 0.0
    left = left_sum = 0.0
    for at, (value, weight) in enumerate(pairs[:-1], start=1):
        left += weight
        left_sum += value * weight
        distance = left_sum / left - (whole - left_sum) / (total - left)
        gain = left * (total - left) * distance * distance
        if gain > best_gain:
            best, best_gain = at, gain
    return best
