"""Models of the start time: the seconds from the scale write until a replica takes requests."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StartTimesError(Exception):
    """A start-time model can't be used; the text says what to write instead."""


class StartTimes(Protocol):
    """A distribution of start times, in seconds."""

    @property
    def mean_seconds(self) -> float:
        """The mean, which the optimum pays for each start."""

    def draw(self, random_numbers: random.Random, number: int) -> float:
        """The seconds that start `number` (counted from 0 in each pool) takes."""

    def quantile(self, share: float) -> float:
        """The seconds within which this share of the starts is ready."""

    def __hash__(self) -> int:
        """Models are values, so that what was computed for one can be kept."""


def random_numbers(seed: int, pool: str) -> random.Random:
    """From which the start times of one pool are drawn, in the order of its starts."""
    return random.Random(f"{seed} starts {pool}")  # noqa: S311


@dataclass(frozen=True, slots=True)
class Constant:
    """Every start takes the same time."""

    seconds: float

    @property
    def mean_seconds(self) -> float:
        return self.seconds

    def draw(self, random_numbers: random.Random, number: int) -> float:
        return self.seconds

    def quantile(self, share: float) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Log-normal start times around a median; sigma is the deviation of the logarithm."""

    median_seconds: float
    sigma: float

    @property
    def mean_seconds(self) -> float:
        return self.median_seconds * math.exp(self.sigma**2 / 2)

    def draw(self, random_numbers: random.Random, number: int) -> float:
        return self.median_seconds * math.exp(self.sigma * random_numbers.gauss(0.0, 1.0))

    def quantile(self, share: float) -> float:
        from statistics import NormalDist

        return self.median_seconds * math.exp(self.sigma * NormalDist().inv_cdf(share))


@dataclass(frozen=True, slots=True)
class Samples:
    """Start times drawn from a measured list, each any number of times."""

    seconds: tuple[float, ...]

    @property
    def mean_seconds(self) -> float:
        return sum(self.seconds) / len(self.seconds)

    def draw(self, random_numbers: random.Random, number: int) -> float:
        return random_numbers.choice(self.seconds)

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


@dataclass(frozen=True, slots=True)
class TwoMode:
    """Starts with and without a cached image: a share of `slow_share` is slow. Both kinds are log-normal."""

    fast: Lognormal
    slow: Lognormal
    slow_share: float

    @property
    def mean_seconds(self) -> float:
        return (1 - self.slow_share) * self.fast.mean_seconds + self.slow_share * self.slow.mean_seconds

    def draw(self, random_numbers: random.Random, number: int) -> float:
        mode = self.slow if random_numbers.random() < self.slow_share else self.fast
        return mode.draw(random_numbers, number)

    def quantile(self, share: float) -> float:
        low, high = 0.0, max(self.fast.quantile(0.9999), self.slow.quantile(0.9999))
        for _ in range(60):
            middle = (low + high) / 2
            if self._share_within(middle) < share:
                low = middle
            else:
                high = middle
        return high

    def _share_within(self, seconds: float) -> float:
        return (1 - self.slow_share) * _share_within(self.fast, seconds) + self.slow_share * _share_within(
            self.slow, seconds
        )


def _share_within(mode: Lognormal, seconds: float) -> float:
    from statistics import NormalDist

    if mode.sigma == 0:
        return float(seconds >= mode.median_seconds)
    return NormalDist().cdf(math.log(max(seconds, 1e-9) / mode.median_seconds) / mode.sigma)


HIGHEST_SIGMA = 5.0
FORMS = "constant:SECONDS, lognormal:MEDIAN,SIGMA, two-mode:FAST,SLOW,SLOW_SHARE[,SIGMA] or samples:FILE"


def parse_start_times(text: str) -> StartTimes:
    """A model from its command-line form; raises StartTimesError."""
    kind, _, argument = text.partition(":")
    if kind == "samples":
        return read_samples(Path(argument))
    numbers = _numbers(text, argument)
    match kind, numbers:
        case "constant", [seconds]:
            return Constant(seconds)
        case "lognormal", [median, sigma]:
            return _lognormal(text, median, sigma)
        case "two-mode", [fast, slow, share, *sigma] if len(sigma) <= 1:
            if share > 1:
                raise StartTimesError(f"start time {text!r}: SLOW_SHARE must lie between 0 and 1")
            spread = sigma[0] if sigma else 0.1
            return TwoMode(_lognormal(text, fast, spread), _lognormal(text, slow, spread), share)
    raise StartTimesError(f"start time {text!r} is not one of {FORMS}")


def _numbers(text: str, argument: str) -> Sequence[float]:
    try:
        numbers = [float(number) for number in argument.split(",")]
    except ValueError as error:
        raise StartTimesError(f"start time {text!r} is not one of {FORMS}") from error
    if not all(0 <= number <= 604_800 for number in numbers):
        raise StartTimesError(f"start time {text!r}: every number must lie between 0 and 604800 s (a week)")
    return numbers


def _lognormal(text: str, median: float, sigma: float) -> Lognormal:
    if median <= 0:
        raise StartTimesError(f"start time {text!r}: a median must be above 0 s")
    if sigma > HIGHEST_SIGMA:
        raise StartTimesError(
            f"start time {text!r}: SIGMA is the deviation of the logarithm and at most {HIGHEST_SIGMA:g}, "
            f"got {sigma:g}; for a median of 90 s, 0.4 spreads most starts over 40 to 200 s"
        )
    return Lognormal(median, sigma)


def read_samples(path: Path) -> Samples:
    """Start times from a text file with one number of seconds per line; raises StartTimesError."""
    seconds: list[float] = []
    try:
        with path.open() as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    seconds.append(_sample(path, number, line))
    except OSError as error:
        raise StartTimesError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StartTimesError(f"{path}: can't be read: it is no text") from error
    if not seconds:
        raise StartTimesError(f"{path}: holds no start times; write one number of seconds per line")
    return Samples(tuple(seconds))


def _sample(path: Path, number: int, line: str) -> float:
    try:
        seconds = float(line)
    except ValueError as error:
        raise StartTimesError(f"{path}:{number}: {line.strip()!r} is not a number of seconds") from error
    if not 0 <= seconds <= 604_800:
        raise StartTimesError(
            f"{path}:{number}: a start time must lie between 0 and 604800 s, got {seconds:g}"
        )
    return seconds
