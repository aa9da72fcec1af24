"""The books of one quota: who takes part, what is used, and what the arbiter said last."""

from collections.abc import Set
from dataclasses import dataclass, field

from poolkeeper.core.quota.arbitration import Allotment, Claim, Segment, kept_back
from poolkeeper.core.quota.quota import Holder, Part, Quota


@dataclass(slots=True)
class Books:
    """The books of one quota."""

    quota: Quota
    members: set[Holder] = field(default_factory=set)
    used: list[int] = field(default_factory=list)
    by_share: list[list[int]] = field(default_factory=list)
    waiting: set[Holder] = field(default_factory=set)
    """Holders that want more than they have."""
    allotment: Allotment | None = None
    """What the arbiter said last; None while nobody has to give way."""
    alone: Allotment | None = None
    """The same as if there were no other quotas."""
    is_due: bool = False
    """Whether something has changed since then."""
    stale: set[Holder] = field(default_factory=set)
    """Holders that have changed since the line was made last."""
    claims: dict[Holder, Claim] = field(default_factory=dict)
    """What each holder brought before the arbiter."""
    segments: dict[Holder, list[Segment]] = field(default_factory=dict)
    """The same as it stands in the line."""

    promises_too_much: bool = False
    """Whether the guarantees of a measure exceed its limit together."""

    def __post_init__(self) -> None:
        self.promises_too_much = self.quota.promises_too_much
        self.used = [0] * len(self.quota.limits)
        self.by_share = [[0] * len(self.quota.limits) for _ in self.quota.shares]

    @property
    def is_over(self) -> bool:
        """Whether more is used than the quota has: it was edited, or others have raised their replicas."""
        return any(used > limit for used, limit in zip(self.used, self.quota.limits, strict=True))

    def add(self, part: Part, replicas: int) -> None:
        """Count so many replicas more, or fewer."""
        share = self.by_share[part.share]
        for index, each in enumerate(part.use):
            self.used[index] += each * replicas
            share[index] += each * replicas
        if self.allotment is not None:
            spare = self.allotment.spare
            for index, each in enumerate(part.use):
                spare[index] -= max(0, each * replicas)

    def ceilings(self) -> Set[tuple[Holder, int]]:
        """What the arbiter said last, by holder."""
        return self.allotment.ceilings.items() if self.allotment else frozenset()

    def free(self) -> list[int]:
        """What nobody uses, by measure."""
        return [limit - used for limit, used in zip(self.quota.limits, self.used, strict=True)]

    def room(self, part: Part) -> list[int]:
        """What a holder of this share may use more now: not what another share lends nobody, and not more
        than its guarantee where it borrows nothing. Of guarantees that exceed the limit together, none is
        kept back from another."""
        room, shares = self.free(), self.quota.shares
        is_promised = self.promises_too_much and bool(shares[part.share].guaranteed)
        for index, share in enumerate(shares):
            if index == part.share or share.lends or not share.guaranteed or is_promised:
                continue
            left = kept_back(share, self._left(index))
            room = [each - kept for each, kept in zip(room, left, strict=True)]
        if not shares[part.share].borrows:
            return [min(each, left) for each, left in zip(room, self._left(part.share), strict=True)]
        return room

    def _left(self, index: int) -> list[int]:
        """What is left of a share's guarantee; all of a measure that it does not name."""
        guaranteed, used = self.quota.shares[index].guaranteed, self.by_share[index]
        if not guaranteed:
            return [0] * len(used)
        pairs = zip(guaranteed, used, self.quota.limits, strict=True)
        return [(limit if amount is None else amount) - each for amount, each, limit in pairs]
