"""Shares a replica's concurrency between activators, so that together they never give it more than it takes.

A new share is only raised by what no activator may still be using: a lowered one counts as it was until the
activator has said that it goes by the new one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Holder:
    """One activator at one replica: its requests that wait, those it has there, and the most it may have."""

    name: str
    waiting: int
    taken: int
    promised: int


def share(concurrency: int, elsewhere: int, holders: Sequence[Holder]) -> dict[str, int]:
    """Slots by activator. `elsewhere` are requests that the replica got past the activators.

    What is free goes to those who hold requests, by how many; with none held anywhere it is spread evenly, so
    that the first request of any activator need not wait for a share.
    """
    capacity = max(0, concurrency - elsewhere)
    free = max(0, capacity - sum(holder.taken for holder in holders))
    total = sum(holder.waiting for holder in holders)
    weights = [holder.waiting if total else 1 for holder in holders]
    desired = [holder.taken + part for holder, part in zip(holders, _split(free, weights), strict=True)]
    headroom = max(0, capacity - sum(holder.promised for holder in holders))
    slots: dict[str, int] = {}
    for holder, wanted in zip(holders, desired, strict=True):
        raised = min(max(0, wanted - holder.promised), headroom)
        headroom -= raised
        slots[holder.name] = min(wanted, holder.promised + raised)
    return slots


@dataclass(slots=True)
class Promises:
    """What one activator may be using at each replica, from the tables it was sent and the one it goes by."""

    _sent: dict[int, Mapping[str, int]] = field(default_factory=dict)

    def sent(self, issue: int, slots: Mapping[str, int]) -> None:
        """A table with these slots by replica is on its way."""
        self._sent[issue] = dict(slots)

    def confirmed(self, issue: int) -> None:
        """The activator goes by this table: those before it count no more."""
        self._sent = {each: slots for each, slots in self._sent.items() if each >= issue}

    def at(self, replica: str) -> int:
        """The most requests that the activator may have at a replica."""
        return max((slots.get(replica, 0) for slots in self._sent.values()), default=0)


def _split(amount: int, weights: Sequence[int]) -> list[int]:
    """Whole parts by weight; what rounding leaves goes to the heaviest (largest remainder)."""
    total = sum(weights)
    if not total:
        return [0 for _ in weights]
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(amount * weights[index] % total))
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts
