"""A mixture of at most two log-normals, fitted to a few weighted samples."""

import math
from collections.abc import Sequence
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


class Mode(NamedTuple):
    """One way in which starts go: mean and standard deviation of the logarithm of seconds."""

    mean: float
    spread: float

    def survival(self, log_seconds: float) -> float:
        return 0.5 * math.erfc((log_seconds - self.mean) / (self.spread * math.sqrt(2.0)))


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

    def table(self, tails: Sequence[float]) -> tuple[float, ...]:
        """Seconds exceeded with each of the falling probabilities, found between those of the modes."""
        if self.slow_share >= 1.0:
            return tuple(
                math.exp(self.slow.mean - _NORMAL.inv_cdf(tail) * self.slow.spread) for tail in tails
            )
        values: list[float] = []
        low = -math.inf
        for tail in tails:
            deviations = -_NORMAL.inv_cdf(tail)
            ends = (mode.mean + deviations * mode.spread for mode in (self.fast, self.slow))
            left, right = sorted(ends)
            low = self._solve(tail, max(left, low), right)
            values.append(math.exp(low))
        return tuple(values)

    def _solve(self, tail: float, low: float, high: float) -> float:
        for _ in range(SOLVE_STEPS):
            middle = (low + high) / 2.0
            if self.survival(middle) > tail:
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
    whole = _mode(pairs)
    at = _best_cut(pairs)
    if at is None:
        return Mixture(whole, whole, 1.0)
    fast, slow = _mode(pairs[:at]), _mode(pairs[at:])
    within = math.sqrt(max(_within(pairs[:at]) + _within(pairs[at:]), 0.0) / sum(weights))
    distance = slow.mean - fast.mean
    if distance < LEAST_DISTANCE or distance < SEPARATION * within:
        return Mixture(whole, whole, 1.0)
    weight = sum(weight for _, weight in pairs[at:])
    return Mixture(fast, slow, (weight + EXTRA_SLOW) / (sum(weights) + 1.0))


Pairs = Sequence[tuple[float, float]]


def _mode(pairs: Pairs) -> Mode:
    total = sum(weight for _, weight in pairs)
    mean = sum(value * weight for value, weight in pairs) / total
    squares = SPREAD_SAMPLES * SPREAD**2 + _within(pairs)
    spread = math.sqrt(squares / (SPREAD_SAMPLES + max(total - 1.0, 0.0)))
    return Mode(mean, max(spread * (1.0 + 0.5 / total), SMALLEST_SPREAD))


def _within(pairs: Pairs) -> float:
    total = sum(weight for _, weight in pairs)
    mean = sum(value * weight for value, weight in pairs) / total
    return sum(weight * (value - mean) ** 2 for value, weight in pairs)


def _best_cut(pairs: Pairs) -> int | None:
    """Where cutting the sorted samples in two leaves the least variance within both parts."""
    if len(pairs) < MODES_SAMPLES:
        return None
    total = sum(weight for _, weight in pairs)
    whole = sum(value * weight for value, weight in pairs)
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
