"""One replica of a replayed pool."""


class Replica:
    """A replica from the scale write (`asked_at`) on; `busy` counts the requests that it works on."""

    __slots__ = ("asked_at", "busy", "is_listed", "is_stopping", "number", "ready_at")

    def __init__(self, number: int, asked_at: float, ready_at: float) -> None:
        self.number = number
        self.asked_at = asked_at
        self.ready_at = ready_at
        self.is_stopping = False
        self.is_listed = False
        self.busy = 0
