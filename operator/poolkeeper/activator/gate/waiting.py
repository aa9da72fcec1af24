"""Ages of the requests that wait, counted one by one and reported as at most 64 groups."""

from poolkeeper.api.activation import WaitingRequests

STEP_SECONDS = 0.25
MOST_ENTRIES = 64


class WaitingAges:
    """Counts waiting requests by arrival in steps of a quarter second."""

    def __init__(self) -> None:
        self._by_step: dict[int, int] = {}

    def add(self, arrived_at: float) -> None:
        """A request that arrived at this instant waits."""
        step = int(arrived_at / STEP_SECONDS)
        self._by_step[step] = self._by_step.get(step, 0) + 1

    def remove(self, arrived_at: float) -> None:
        """A request that arrived at this instant waits no longer."""
        step = int(arrived_at / STEP_SECONDS)
        self._by_step[step] -= 1
        if not self._by_step[step]:
            del self._by_step[step]

    def report(self, now: float) -> tuple[WaitingRequests, ...]:
        """Oldest first. Steps that share a group count as the oldest of them, so no wait is understated."""
        steps = sorted(self._by_step.items())
        per_entry = -(-len(steps) // MOST_ENTRIES) or 1
        groups = [steps[first : first + per_entry] for first in range(0, len(steps), per_entry)]
        return tuple(
            WaitingRequests(
                age_seconds=max(0.0, now - group[0][0] * STEP_SECONDS),
                requests=sum(requests for _, requests in group),
            )
            for group in groups
        )
