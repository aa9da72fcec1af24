"""The clock that Poolkeeper reads in a replay: the replay's time, or a clock that is put back each hour."""

from poolkeeper.core.baselines.controller import NEVER, TICK, next_tick, tick_after

STEP_EVERY_SECONDS = 3600.0


class SteppingClock:
    """A clock that is put back by `back_seconds` every hour; with 0 it shows the time of the replay.

    Every instant that Poolkeeper notes is read from this clock, as in an operator that restarts after the
    clock of its machine was put back. Delays, such as the time until the next look, are not affected.
    """

    def __init__(self, back_seconds: float) -> None:
        self._back_seconds = back_seconds

    @property
    def is_true(self) -> bool:
        return not self._back_seconds

    def read(self, instant: float) -> float:
        """What the clock shows at an instant of the replay."""
        return instant - self._back_seconds * self._steps(instant) if self._back_seconds else instant

    def next_look(self, now: float, poll_seconds: float) -> float:
        """When to look although nothing has happened: at the next step, and at every poll until the clock
        shows again what it had shown before the last one.
        """
        if self.is_true:
            return NEVER
        stepped_at = self._steps(now) * STEP_EVERY_SECONDS
        if stepped_at and now <= stepped_at + self._back_seconds + poll_seconds:
            return tick_after(now, poll_seconds)
        return next_tick(stepped_at + STEP_EVERY_SECONDS, poll_seconds)

    def _steps(self, instant: float) -> int:
        return max(0, int((instant + TICK) // STEP_EVERY_SECONDS))
