"""What no decision can avoid: how many requests would be late if all replicas were always ready.

A pool whose ceiling is too low breaks its promise whatever is decided. To say so before it does, queues are
followed in thought that get the pool's own requests, at the learned service rate, by replicas that never
stop: as many as the ceiling allows, and more. Example: one replica, 28 s per request, a budget of 60 s. Of
four requests that come at once, the last one waits for 3 × 28 = 84 s, so it is late; two replicas would take
it after 28 s.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.core.tuning import (
    ALWAYS_ON_FACTORS,
    ALWAYS_ON_LATE_DEVIATIONS,
    ALWAYS_ON_LEAST_COMPLETIONS,
    ALWAYS_ON_MEMORY_REQUESTS,
)
from poolkeeper.core.values.spec import PoolSpec

_SCALE = 100
MOST_NUMBERS = 4 + len(ALWAYS_ON_FACTORS) + 1


class AlwaysOn(NamedTuple):
    """Queues in thought, one per number of replicas."""

    budget_seconds: float = 0.0
    """The budget that `late` was counted for."""
    replicas: tuple[int, ...] = ()
    """The ceiling first, then larger numbers."""
    at: float = 0.0
    """When requests last came, in Unix seconds."""
    backlogs: tuple[float, ...] = ()
    """Requests that waited or were worked on at that instant, per number of replicas."""
    late: tuple[float, ...] = ()
    """Fading counts of late requests, per number of replicas."""
    requests: float = 0.0
    """Fading count of all requests."""

    def is_for(self, spec: PoolSpec) -> bool:
        """Whether these counts are for the present ceiling and budget."""
        return self.replicas[:1] == (spec.max_replicas,) and self.budget_seconds == spec.budget_seconds

    def late_share(self, number: int) -> float:
        """The share of late requests at one of `replicas`, by its place in that list."""
        return self.late[number] / self.requests if self.requests else 0.0

    def misses(self, number: int, allowed_share: float) -> bool:
        """Whether more requests are late than allowed, by more than chance explains."""
        return bool(self.late) and exceeds(self.late[number], allowed_share * self.requests)

    def enough(self, allowed_share: float) -> int | None:
        """The fewest of `replicas` above the ceiling that are late no more often than allowed; None if all
        are."""
        shares = ((many, self.late_share(at)) for at, many in enumerate(self.replicas))
        return next((many for many, share in shares if share <= allowed_share), None)


def exceeds(late: float, allowed: float) -> bool:
    """Whether more requests are late than allowed, by more than the chance of a Poisson count explains."""
    return late - ALWAYS_ON_LATE_DEVIATIONS * math.sqrt(late) > allowed


def arrive(
    known: AlwaysOn, spec: PoolSpec, at: float, requests: int, rate: float, completions: float
) -> AlwaysOn:
    """Enter requests that came together.

    `rate` is how many requests per second one replica completes that works on as many as it can; nothing is
    counted until `completions` show it.
    """
    if completions < ALWAYS_ON_LEAST_COMPLETIONS:
        return known
    known = _for(spec, known)
    elapsed = max(0.0, at - known.at)
    kept = math.exp(-requests / ALWAYS_ON_MEMORY_REQUESTS)
    backlogs, late = [], []
    for replicas, backlog, were_late in zip(known.replicas, known.backlogs, known.late, strict=True):
        speed = replicas * rate
        before = max(0.0, backlog - speed * elapsed)
        in_time = replicas * spec.concurrency - before + speed * spec.budget_seconds
        late.append(kept * were_late + min(max(requests - math.floor(in_time), 0), requests))
        backlogs.append(before + requests)
    return AlwaysOn(
        known.budget_seconds,
        known.replicas,
        max(at, known.at),
        tuple(backlogs),
        tuple(late),
        kept * known.requests + requests,
    )


def to_numbers(known: AlwaysOn) -> list[int]:
    """The counts, as integers: a restart empties the queues in thought, as it is short."""
    counts = known.requests, *known.late
    return [round(_SCALE * known.budget_seconds), *known.replicas[:1], *(round(_SCALE * n) for n in counts)]


def from_numbers(numbers: Sequence[int], spec: PoolSpec) -> AlwaysOn:
    """The counts that `to_numbers` made these of, if they are for this declaration. Raises ValueError."""
    fresh = _for(spec, AlwaysOn())
    if numbers[:2] != [round(_SCALE * spec.budget_seconds), spec.max_replicas]:
        return AlwaysOn()
    requests, *late = (number / _SCALE for number in numbers[2:])
    if len(late) != len(fresh.late) or min(late) < 0.0 or max(late) > requests:
        raise ValueError("more requests are late than there were")
    return fresh._replace(late=tuple(late), requests=requests)


def _for(spec: PoolSpec, known: AlwaysOn) -> AlwaysOn:
    """The queues for the present declaration: another ceiling or budget begins a new count."""
    if known.is_for(spec):
        return known
    most = spec.max_replicas
    replicas = tuple(sorted({most, most + 1, *(factor * most for factor in ALWAYS_ON_FACTORS)}))
    nothing = (0.0,) * len(replicas)
    return AlwaysOn(spec.budget_seconds, replicas, 0.0, nothing, nothing)
