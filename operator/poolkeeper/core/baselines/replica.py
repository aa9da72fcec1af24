"""One replica of a replayed pool."""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Replica:
    """A replica from the scale write (`asked_at`) on; `busy` counts the requests that it works on."""

    number: int
    asked_at: float
    ready_at: float
    is_stopping: bool = False
    is_listed: bool = False
    busy: int = 0
