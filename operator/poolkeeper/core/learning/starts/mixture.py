"""A mixture of at most two log-normals, fitted to a few weighted samples."""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from poolkeeper.core.tuning import (
    COMPARED_SAMPLES,
    EXTRA_SLOW_STARTS,
    LEAST_MODE_RATIO,
    LEAST_MODE_SPREAD,
    MODE_SEPARATION_SPREADS,
    MODE_SPREAD,
    MODE_SPREAD_SAMPLES,
    QUANTILE_HALVINGS,
)

LEAST_DISTANCE = math.log(LEAST_MODE_RATIO)


_NORMAL = NormalDist()
_ROOT_2 = math.sqrt(2.0)


class Mode(NamedTuple):
    """One way in which starts go: mean and standard deviation of the logarithm of seconds.

    `freedom` are the samples beyond the first that the deviation was estimated from.
    """

    mean: float
    spread: float
    freedom: float = math.inf

    def width(self, deviations: float) -> float:
        """The spread to use this many deviations above the mean: the fewer samples, the larger.

        With the spread of ten samples, a normal's quantile of 0.25 % is exceeded in 1.3 % of cases. The
        quantile of Student's t is not: its series begins with z + (z³ + z) / 4ν (Abramowitz and Stegun,
        26.7.5). Up to √2 deviations the spread stays as estimated.
        """
        beyond = max(deviations * deviations - 2.0, 0.0) if deviations > 0.0 else 0.0
        return self.spread * (1.0 + beyond / (4.0 * self.freedom))


class Mixture(NamedTuple):
    """`slow_share` of the starts go the slow way; with one mode both are the same."""

    fast: Mode
    slow: Mode
    slow_share: float

    def table(self, tails: tuple[float, ...]) -> tuple[float, ...]:
        """Seconds exceeded with each of the falling probabilities, found between those of the modes."""
        if self.slow_share >= 1.0:
            mode = self.slow
            return tuple([math.exp(mode.mean + above * mode.width(above)) for above in _deviations(tails)])
        values: list[float] = []
        low = -math.inf
        for tail, above in zip(tails, _deviations(tails), strict=True):
            widths = self.fast.width(above), self.slow.width(above)
            left, right = sorted((self.fast.mean + above * widths[0], self.slow.mean + above * widths[1]))
            low = self._solve(tail, max(left, low), right, widths)
            values.append(math.exp(low))
        return tuple(values)

    def _solve(self, tail: float, low: float, high: float, widths: tuple[float, float]) -> float:
        """Where the share of slower starts falls to `tail`; most of the time of a fit goes here."""
        erfc, fast_mean, slow_mean = math.erfc, self.fast.mean, self.slow.mean
        fast_width, slow_width = widths[0] * _ROOT_2, widths[1] * _ROOT_2
        slow_half, fast_half = 0.5 * self.slow_share, 0.5 * (1.0 - self.slow_share)
        for _ in range(QUANTILE_HALVINGS):
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
    if distance < LEAST_DISTANCE or distance < MODE_SEPARATION_SPREADS * within:
        return _one_mode(pairs)
    return Mixture(fast.mode(), slow.mode(), (slow.weight + EXTRA_SLOW_STARTS) / (total + 1.0))


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
        freedom = MODE_SPREAD_SAMPLES + max(self.weight - 1.0, 0.0)
        spread = math.sqrt((MODE_SPREAD_SAMPLES * MODE_SPREAD**2 + self.squares) / freedom)
        return Mode(self.mean, max(spread * (1.0 + 0.5 / self.weight), LEAST_MODE_SPREAD), freedom)


def _one_mode(pairs: Pairs) -> Mixture:
    mode = _Group.of(pairs).mode()
    return Mixture(mode, mode, 1.0)


@lru_cache(maxsize=4)
def _deviations(tails: tuple[float, ...]) -> tuple[float, ...]:
    """How many standard deviations above the mean a normal exceeds with each of the probabilities."""
    return tuple(-_NORMAL.inv_cdf(tail) for tail in tails)


def _best_cut(pairs: Pairs) -> int | None:
    """Where cutting the sorted samples in two leaves the least variance within both parts."""
    if len(pairs) < COMPARED_SAMPLES:
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
