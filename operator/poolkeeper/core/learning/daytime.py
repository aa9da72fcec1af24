"""At which time of the day and on which days of the week silences end: working hours, nightly jobs.

The age of a gap says little about when a night is over: some last 11 hours, some 13, and weekends 60. For
silences of more than an hour, a second model therefore learns how often a silence that reaches a quarter of
an hour of the day (UTC) ends in it, times a factor for the day of the week. The time-of-day model is used
only while it predicts the ends of silences better than the gap's age. Callers without habits, or with a
period of their own, are predicted by the age alone.
"""

import math
from array import array
from collections.abc import Callable
from typing import NamedTuple

from poolkeeper.core.tuning import (
    DAYTIME_EVIDENCE,
    DAYTIME_FIRST_ENDS,
    DAYTIME_FIRST_SLOTS,
    DAYTIME_FROM_SECONDS,
    DAYTIME_LARGEST_SCORE,
    DAYTIME_LONGEST_SECONDS,
    DAYTIME_PROVEN_SCORE,
    DAYTIME_SCORE_DECAY,
    DAYTIME_SLOT_PRIOR,
    DAYTIME_SLOT_SECONDS,
    DAYTIME_WEEKDAY_PRIOR,
)

SLOTS = 96
WEEKDAYS = 7
DAY_SECONDS = SLOTS * DAYTIME_SLOT_SECONDS
ROWS = SLOTS + WEEKDAYS


class Daytime(NamedTuple):
    """Fading sums, one per slot of the day, then one per day of the week."""

    ended: "array[float]" = array("d", bytes(8 * ROWS))
    """Silences that ended there."""
    met: "array[float]" = array("d", bytes(8 * ROWS))
    """Per slot: slots spent in silence. Per day of the week: the ends that the slots alone predict."""
    score: float = 0.0
    """How much better than the age of a gap the time of day has predicted: a logarithm of a likelihood
    ratio."""

    @property
    def is_proven(self) -> bool:
        """Whether the time of day predicts better than the age of a gap."""
        return self.score > DAYTIME_PROVEN_SCORE

    def rates(self) -> Callable[[float], float]:
        """A function from an instant (Unix seconds) to the chance that a long silence ends in its slot."""
        usual = (sum(self.ended[:SLOTS]) + DAYTIME_FIRST_ENDS) / (sum(self.met[:SLOTS]) + DAYTIME_FIRST_SLOTS)
        return lambda at: self._slot_rate(at, usual) * self._weekday_factor(at)

    def end_silence(
        self, began_at: float, ended_at: float, rate_by_age: Callable[[float], float]
    ) -> "Daytime":
        """Enter a long silence that a request has ended; `rate_by_age` gives its hazard per second by age in
        seconds."""
        rate = self.rates()
        ended, met, score = self.ended[:], self.met[:], 0.0
        at = max(began_at + DAYTIME_FROM_SECONDS, ended_at - DAYTIME_LONGEST_SECONDS)
        while at < ended_at:
            until = min(slot_end(at), ended_at)
            slots, middle = (until - at) / DAYTIME_SLOT_SECONDS, 0.5 * (at + until)
            factor = self._weekday_factor(at)
            met[_slot(at)] += slots * factor
            met[_weekday(at)] += slots * rate(at) / factor
            score += (until - at) * rate_by_age(middle - began_at) - slots * rate(at)
            at = until
        score += math.log(rate(ended_at) / (DAYTIME_SLOT_SECONDS * rate_by_age(ended_at - began_at)))
        for row in (_slot(ended_at), _weekday(ended_at)):
            ended[row] += 1.0
        for row in range(ROWS):
            kept = DAYTIME_EVIDENCE / max(ended[row], met[row], DAYTIME_EVIDENCE)
            ended[row] *= kept
            met[row] *= kept
        score = min(
            max(DAYTIME_SCORE_DECAY * self.score + score, -DAYTIME_LARGEST_SCORE), DAYTIME_LARGEST_SCORE
        )
        return Daytime(ended, met, score)

    def _slot_rate(self, at: float, usual: float) -> float:
        row = _slot(at)
        return (self.ended[row] + DAYTIME_SLOT_PRIOR * usual) / (self.met[row] + DAYTIME_SLOT_PRIOR)

    def _weekday_factor(self, at: float) -> float:
        row = _weekday(at)
        return (self.ended[row] + DAYTIME_WEEKDAY_PRIOR) / (self.met[row] + DAYTIME_WEEKDAY_PRIOR)


def slot_end(at: float) -> float:
    """When the slot of this instant ends."""
    return (math.floor(at / DAYTIME_SLOT_SECONDS) + 1) * DAYTIME_SLOT_SECONDS


def _slot(at: float) -> int:
    return int(at // DAYTIME_SLOT_SECONDS) % SLOTS


def _weekday(at: float) -> int:
    return SLOTS + int(at // DAY_SECONDS) % WEEKDAYS
