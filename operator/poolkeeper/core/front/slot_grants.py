"""Shares a replica's concurrency between activators, so that together they never give it more than it takes.

A new share is only raised by what no activator may still be using: a lowered one counts as it was until the
activator has said that it goes by the new one. What another controller promised is not known: an activator
that may go by such a table counts as if it had been given everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_UNCONFIRMED = 8
"""Tables kept one by one for an activator that confirms none; older ones are added to the next."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One activator at one replica: its requests that wait, those it has there, and the most it may have.

    `is_known` says that `promised` is all there is: no table of another controller is in force.
    """

    name: str
    waiting: int
    taken: int
    promised: int
    is_known: bool = True


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
    # One that may go by an unknown table leaves no room: nobody gets more than is surely its own already.
    promised = sum(holder.promised if holder.is_known else concurrency for holder in holders)
    headroom = max(0, capacity - promised)
    slots: dict[str, int] = {}
    for holder, wanted in zip(holders, desired, strict=True):
        raised = min(max(0, wanted - holder.promised), headroom)
        headroom -= raised
        slots[holder.name] = min(wanted, holder.promised + raised)
    return slots


@dataclass(slots=True)
class SlotGrants:
    """What one activator may be using at each replica, from the tables it was sent and the one it goes by.

    `in_force` is the number of that table, 0 where it is none of ours. `is_known` is False while the
    activator may go by a table of somebody else.
    """

    in_force: int = 0
    is_known: bool = False
    _sent: dict[int, Mapping[str, int]] = field(default_factory=dict)

    def sent(self, table_version: int, slots: Mapping[str, int]) -> None:
        """A table with these slots is on its way; it may arrive even if its sending seems to fail."""
        self._sent[table_version] = dict(slots)
        if len(self._sent) > MOST_UNCONFIRMED:
            first, second = sorted(self._sent.keys() - {self.in_force})[:2]
            oldest, following = self._sent.pop(first), self._sent[second]
            self._sent[second] = {
                replica: max(oldest.get(replica, 0), following.get(replica, 0))
                for replica in oldest.keys() | following.keys()
            }

    def withdrawn(self, table_version: int) -> None:
        """That table was never sent after all."""
        self._sent.pop(table_version, None)

    def confirmed(self, table_version: int) -> None:
        """The activator goes by this table: those of ours before it count no more. A number that is none of
        ours, however high, confirms nothing; 0 says that no table is in force."""
        self.in_force = table_version if table_version in self._sent else 0
        self.is_known = table_version == 0 or table_version in self._sent
        if self.in_force:
            self._sent = {each: slots for each, slots in self._sent.items() if each >= table_version}

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
