"""Shares a replica's concurrency between activators, so that together they never give it more than it takes.

A share is only raised by what no activator may still be using: a lowered share counts as it was until the
activator confirms the table that lowers it. Tables of another controller are not known: an activator that may
use such a table counts as if it had been granted every slot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

MOST_UNCONFIRMED = 8
"""Tables kept one by one for an activator that confirms none; older ones are added to the next."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One activator at one replica."""

    name: str
    """Uid of the activator's pod."""
    waiting: int
    """Requests of the pool that the activator holds."""
    taken: int
    """Requests that the replica works on for this activator."""
    granted: int
    """The most requests that the activator may have at the replica by the tables it was sent."""
    is_known: bool = True
    """Whether `granted` is all there is: no table of another controller is in force."""


def share(concurrency: int, elsewhere: int, holders: Sequence[Holder]) -> dict[str, int]:
    """Slots by activator; `elsewhere` are requests that the replica received past the activators.

    Free slots go to the activators that hold requests, by how many. While nobody holds any, free slots are
    spread evenly, so that the first request at any activator need not wait for a table. Example: of 8 slots,
    activators that hold 30 and 10 requests get 6 and 2.
    """
    capacity = max(0, concurrency - elsewhere)
    free = max(0, capacity - sum(holder.taken for holder in holders))
    total = sum(holder.waiting for holder in holders)
    weights = [holder.waiting if total else 1 for holder in holders]
    desired = [holder.taken + part for holder, part in zip(holders, _split(free, weights), strict=True)]
    # An activator that may use an unknown table leaves no room: no share grows beyond what is granted.
    granted = sum(holder.granted if holder.is_known else concurrency for holder in holders)
    headroom = max(0, capacity - granted)
    slots: dict[str, int] = {}
    for holder, wanted in zip(holders, desired, strict=True):
        raised = min(max(0, wanted - holder.granted), headroom)
        headroom -= raised
        slots[holder.name] = min(wanted, holder.granted + raised)
    return slots


@dataclass(frozen=True, slots=True)
class SlotGrants:
    """What one activator may be using at each replica: the tables it was sent, from the one in force on."""

    in_force: int = 0
    """Version of the table that the activator reports to use; 0 where that is none of ours."""
    is_known: bool = False
    """Whether the activator uses a table of ours, or none at all."""
    tables: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """Slots by replica, by version of the table."""

    def sent(self, table_version: int, slots: Mapping[str, int]) -> "SlotGrants":
        """A table with these slots is on its way; it may arrive even if sending it seems to fail."""
        tables = {**self.tables, table_version: slots}
        if len(tables) > MOST_UNCONFIRMED:
            first, second = sorted(tables.keys() - {self.in_force})[:2]
            oldest, following = tables.pop(first), tables[second]
            tables[second] = {
                replica: max(oldest.get(replica, 0), following.get(replica, 0))
                for replica in oldest.keys() | following.keys()
            }
        return replace(self, tables=tables)

    def withdrawn(self, table_version: int) -> "SlotGrants":
        """That table was replaced by a newer one before it was sent."""
        return replace(self, tables={at: each for at, each in self.tables.items() if at != table_version})

    def confirmed(self, table_version: int) -> "SlotGrants":
        """The activator reports to use this table, so our tables before it count no longer.

        A version that this leader never sent confirms nothing, however high; 0 means no table is in force.
        """
        if table_version not in self.tables:
            return replace(self, in_force=0, is_known=table_version == 0)
        tables = {at: slots for at, slots in self.tables.items() if at >= table_version}
        return SlotGrants(in_force=table_version, is_known=True, tables=tables)

    def at(self, replica: str) -> int:
        """The most requests that the activator may have at a replica."""
        return max((slots.get(replica, 0) for slots in self.tables.values()), default=0)


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
