"""How long to wait after a failure before the next try: one rule for every part that tries again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

MOST_DOUBLINGS = 32
"""Keeps `2 ** failures` a number that a float can hold."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double from `first_seconds` to `longest_seconds`.

    For example 1, 2, 4, 8, 10, 10 s for a first pause of 1 s and a longest one of 10 s. A random part, up to
    half, is taken off each pause, so that what failed together is not tried again together.
    """

    first_seconds: float
    longest_seconds: float
    draw: Callable[[float, float], float] = random.SystemRandom().uniform

    def pause_seconds(self, earlier_failures: int) -> float:
        """The pause after a failure that follows `earlier_failures` others without a success in between."""
        doubled = self.first_seconds * 2.0 ** min(earlier_failures, MOST_DOUBLINGS)
        longest = min(self.longest_seconds, doubled)
        return self.draw(longest / 2, longest)
