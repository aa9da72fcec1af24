"""Whether requests of a source last so long that polls see each of them in flight."""

import math
from typing import NamedTuple

from poolkeeper.core.tuning import LASTING_POLLS, LASTING_REQUESTS


class Lasting(NamedTuple):
    """How long requests of one source are in flight, as polls see it.

    Example: requests of 0.05 s, polls 0.5 s apart. One that waits, is taken and is done between two polls has
    lasted 0 s, one that a poll sees in flight has lasted 0.5 s: the mean is never above the poll interval.
    """

    source: str
    seconds: float = 0.0
    """Fading sum of the seconds that its requests were in flight."""
    completed: float = 0.0
    """Fading sum of its completed requests."""

    def enter(self, seconds: float, completed: int) -> "Lasting":
        """Add what was in flight, and what was completed, between two readings."""
        kept = math.exp(-completed / LASTING_REQUESTS)
        return Lasting(self.source, self.seconds * kept + seconds, self.completed * kept + completed)

    def is_long(self, poll_seconds: float) -> bool:
        """Whether requests last so long that polls see each of them; false while none has been seen."""
        return self.seconds > LASTING_POLLS * poll_seconds * self.completed

    def is_short(self, poll_seconds: float) -> bool:
        """Whether requests are done so soon that polls miss some; false while none has been seen."""
        return self.completed > 0.0 and not self.is_long(poll_seconds)
