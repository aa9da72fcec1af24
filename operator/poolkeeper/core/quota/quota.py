"""One quota as plain values: limits by measure, and the shares that its pools belong to."""

from enum import StrEnum
from typing import NamedTuple

Holder = tuple[str, ...]
"""Who holds capacity: the key of a pool, or a pool's key and the name of one of its targets."""
Amounts = tuple[int, ...]
"""One whole number for each measure of a quota, in its order: chips, watts or micro-dollars per hour."""


class Unit(StrEnum):
    """What a limit counts."""

    CHIPS = "chips"
    WATTS = "watts"
    MICRO_DOLLARS = "microDollarsPerHour"


class Measure(NamedTuple):
    """What one limit of a quota counts."""

    unit: Unit
    accelerator: str = ""
    """Name of the AcceleratorClass, for chips."""


class Share(NamedTuple):
    """Pools that are treated alike. Priority belongs to the share, so no tenant can raise their own."""

    name: str = ""
    priority: int = 0
    """Of two shares that ask for more than is left, the higher one is served first."""
    guaranteed: tuple[int | None, ...] = ()
    """What the share gets before all others, by measure; None for a measure that it is not limited in.
    Empty where nothing is guaranteed."""
    borrows: bool = True
    """Whether it may use more than that while others leave it free."""
    lends: bool = True
    """Whether others may use what the share leaves free of its guarantee."""


REST = Share()
"""The share of pools that no declared share names."""


class Quota(NamedTuple):
    """One quota. Its last share is that of the pools which no other share names."""

    name: str
    measures: tuple[Measure, ...]
    limits: Amounts
    shares: tuple[Share, ...] = (REST,)

    @property
    def promises_too_much(self) -> bool:
        """Whether the guarantees of a measure exceed its limit together."""
        guarantees = [share.guaranteed for share in self.shares if share.guaranteed]
        return any(
            sum(each[index] or 0 for each in guarantees) > limit for index, limit in enumerate(self.limits)
        )


class Part(NamedTuple):
    """How one holder takes part in one quota."""

    share: int
    """Index of its share."""
    use: Amounts
    """What one replica uses; an estimate where `unknown` says so."""
    unknown: str = ""
    """Why the use of a replica is not known, as the end of a sentence; no replica is added then. Empty where
    it is known."""


def most_that_fit(room: list[int], use: Amounts, most: int) -> int:
    """How many replicas, at most `most`, fit into what is left; 0 where a measure is overdrawn."""
    # A hot loop: asked several times for each pool of a quota that is full.
    for index, each in enumerate(use):
        if each:
            left = room[index]
            if left < each * most:
                most = left // each if left > 0 else 0
    return most


def has_room(room: list[int], use: Amounts, replicas: int) -> bool:
    """Whether so many replicas fit; of none, whether no measure that one would use is overdrawn."""
    return all(left >= each * replicas for left, each in zip(room, use, strict=True) if each)
