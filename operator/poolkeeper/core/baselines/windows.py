"""The highest of the numbers that were recorded within a time."""

from collections import deque


class Highest:
    """The highest number of the last `seconds`; for the lowest, record the numbers negated."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._falling: deque[tuple[float, float]] = deque()
        """Instants and numbers of which no later one is as high."""

    def with_value(self, now: float, value: float) -> float:
        """Records a number, and answers the highest so far within the time."""
        falling = self._falling
        while falling and falling[0][0] < now - self._seconds:
            falling.popleft()
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((now, value))
        return falling[0][1]
