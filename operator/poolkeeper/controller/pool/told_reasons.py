"""Which reasons of a condition people were told lately: one that comes and goes is not told each time."""

AGAIN_SECONDS = 600.0
"""A reason that alternates with another is told once in this time: with as few as two events a minute for
all that happens to a pool, it would crowd out the rest."""


class ToldReasons:
    """Of one pool. What matters is the reason told last, not the one before: so whichever reason remains
    after some back and forth is told in the end, if not at once."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._told_at: dict[tuple[str, str], float] = {}

    def note(self, condition: str, reason: str, now: float) -> None:
        """This reason is told now, or is what was to be expected."""
        self._last[condition] = reason
        # Reasons may be an API server's own words: those of long ago must not add up.
        self._told_at = {each: at for each, at in self._told_at.items() if now < at + AGAIN_SECONDS}
        self._told_at[condition, reason] = now

    def take(self, condition: str, before: str, reason: str, now: float) -> bool:
        """Whether to tell this reason although the status is as before; if so, it counts as told. The one
        `before` counts as told where nothing is known: after a restart."""
        last = self._last.setdefault(condition, before)
        if reason == last or now < self._told_at.get((condition, reason), float("-inf")) + AGAIN_SECONDS:
            return False
        self.note(condition, reason, now)
        return True
