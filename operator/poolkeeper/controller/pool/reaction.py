"""How long a pool's writes take from what made them necessary, for `poolkeeper_reaction_seconds`."""


class Reaction:
    """The oldest cause of a change that is not written yet. All instants are Unix seconds.

    A cause is news (a reading, a pod, an edit) or an instant at which a start became due. A stop that became
    due reacts to nothing: the pool was idle for long enough. Nor does a look that was made for safety.
    """

    def __init__(self) -> None:
        self._news_at: float | None = None
        self._trigger: float | None = None
        self._is_due = False
        self._cause: float | None = None
        self._is_cause_due = False

    def news(self, at: float) -> None:
        """Something was published on which a decision may depend."""
        if self._news_at is None:
            self._news_at = at

    def look_begins(self, now: float, due_at: float | None) -> None:
        """A look begins; the decision before it was due again at `due_at`."""
        self._is_due = due_at is not None and due_at <= now
        self._trigger = due_at if self._is_due else self._news_at
        self._news_at = None

    def decided(self, *, is_change: bool) -> None:
        """The look has led to a decision that has to be written, or not. A write that failed keeps its
        cause."""
        if not is_change:
            self._cause = None
        elif self._cause is None:
            # A reading that came while the look waited for the API server was seen by the decision too.
            self._cause = self._news_at if self._trigger is None else self._trigger
            self._is_cause_due = self._is_due

    def written(self, now: float, *, is_start: bool) -> float | None:
        """Seconds from the cause until the write was answered; None if it was no reaction."""
        cause, self._cause = self._cause, None
        if cause is None or (self._is_cause_due and not is_start):
            return None
        return max(0.0, now - cause)
