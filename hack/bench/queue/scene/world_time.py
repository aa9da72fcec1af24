"""The clock of a simulated world: Unix seconds of an event loop that skips every wait."""

import asyncio
import math
from collections.abc import Callable
from random import Random

BEGUN_AT = 1_800_000_000.0
"""Unix seconds at which every world begins."""
STEPS_PER_SECOND = 1024
"""A power of two, so that no step is lost to rounding."""


class WorldTime:
    """What time it is, and what happens later; `chance` decides how much later where that varies."""

    def __init__(self, seed: str) -> None:
        self.chance = Random(seed)
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> float:
        """Unix seconds, in steps: a timer that has fired finds its instant passed, as on a real clock."""
        return BEGUN_AT + math.ceil(self._loop.time() * STEPS_PER_SECOND) / STEPS_PER_SECOND

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return self._loop.time()

    def after(self, seconds: float, happen: Callable[[], object]) -> asyncio.TimerHandle:
        """Let something happen later."""
        return self._loop.call_later(seconds, happen)

    def within(self, least: float, most: float, happen: Callable[[], object]) -> asyncio.TimerHandle:
        """Let something happen at a random instant between so many seconds from now."""
        return self.after(self.chance.uniform(least, most), happen)
