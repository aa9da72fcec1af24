"""Why a pool gets no more of a quota, for people: what is used up, and who may give some of it back."""

import math
from collections.abc import Collection, Iterable

from poolkeeper.controller.quota.declared import say_dollars
from poolkeeper.core.policy.say import count, time_of_day
from poolkeeper.core.quota.bank import Bank
from poolkeeper.core.quota.books import Books
from poolkeeper.core.quota.quota import Holder, Measure, Part, Unit
from poolkeeper.core.values.identity import PoolKey

MOST_NAMED = 2
"""Pools that a sentence names."""


class Words:
    """Sentences about the quotas of one bank. Who gives something back is looked up once after each answer of
    the arbiter, so that a thousand pools that wait cost one search."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._givers: dict[str, tuple[object, str]] = {}

    def why_not_more(self, key: PoolKey, unread: Collection[Holder], unread_until: float) -> str:
        """What keeps a pool from another replica; empty where nothing does."""
        position = self._bank.position(key)
        found = self._bank.ceiling(key)
        if position is None or found is None:
            return ""
        part, books = position.parts[found.quota], self._bank.books[found.quota]
        if part.unknown:
            return f"quota {found.quota}: {part.unknown}"
        unread_members = sum(each in books.members for each in unread)
        if unread_members:
            have = "has" if unread_members == 1 else "have"
            return (
                f"quota {found.quota}: {count(unread_members, 'pool')} {have} not been read since the "
                f"operator began to lead, and may have more replicas than it knows: until then, or until "
                f"{time_of_day(unread_until)}, nothing is started that might not fit"
            )
        what = in_use(books, _short(books, part)) or "what is left goes to pools that come first"
        return f"quota {found.quota}: {what}; {self._who(found.quota, books, key)}".removesuffix("; ")

    def _who(self, name: str, books: Books, key: PoolKey) -> str:
        known = self._givers.get(name)
        if known is None or known[0] is not books.allotment:
            known = self._givers[name] = (books.allotment, self._who_gives(books))
        return known[1] or self._who_has_most(books, key)

    def _who_gives(self, books: Books) -> str:
        """The pools that hold more than they should, those first whose replicas are idle first."""
        over = []
        for holder, ceiling in (books.allotment.ceilings if books.allotment else {}).items():
            position = self._bank.position(holder)
            if position is not None and position.held > ceiling:
                over.append((position.stake.free_at, holder, position.held - ceiling))
        named = ", ".join(_gives(*each) for each in sorted(over)[:MOST_NAMED])
        others = len(over) - MOST_NAMED
        return f"{named} and {count(others, 'other pool')}" if others > 0 else named

    def _who_has_most(self, books: Books, key: PoolKey) -> str:
        held = [
            (position.counted, holder)
            for holder in books.members
            if holder != key and (position := self._bank.position(holder)) is not None and position.counted
        ]
        if not held:
            return ""
        most, holder = max(held)
        return f"{name_of(holder)} holds most, {count(most, 'replica')}, and none of them is idle"


def in_use(books: Books, indices: Iterable[int]) -> str:
    """How much of some measures is used, such as 14 of 16 nvidia-l4 chips and 1008 of 3000 W in use; empty
    for none."""
    said = " and ".join(_of(books, index) for index in indices)
    return said and f"{said} in use"


def _of(books: Books, index: int) -> str:
    measure = books.quota.measures[index]
    used, limit = books.used[index], books.quota.limits[index]
    if measure.unit is Unit.CHIPS:
        return f"{used} of {limit} {measure.accelerator} chips"
    if measure.unit is Unit.WATTS:
        return f"{used} of {limit} W"
    return f"{say_dollars(used)} of {say_dollars(limit)} per hour"


def in_short(books: Books) -> str:
    """All measures in one line, such as 14/16 nvidia-l4, 1008/3000 W, $11.20/$40.00 per hour."""
    pairs = zip(books.quota.measures, books.used, books.quota.limits, strict=True)
    return ", ".join(_in_short(*each) for each in pairs)


def name_of(holder: Holder) -> str:
    """A holder for people."""
    return "/".join(holder)


def _in_short(measure: Measure, used: int, limit: int) -> str:
    if measure.unit is Unit.CHIPS:
        return f"{used}/{limit} {measure.accelerator}"
    if measure.unit is Unit.WATTS:
        return f"{used}/{limit} W"
    return f"{say_dollars(used)}/{say_dollars(limit)} per hour"


def _short(books: Books, part: Part) -> Iterable[int]:
    """The measures that have no room for another replica."""
    free = books.free()
    return [index for index, each in enumerate(part.use) if each and free[index] < each]


def _gives(free_at: float, holder: Holder, replicas: int) -> str:
    name = name_of(holder)
    if math.isinf(free_at):
        return f"{name} holds {count(replicas, 'replica')} more than its part, and gives back what gets idle"
    return (
        f"{name} holds {count(replicas, 'idle replica')}, which may be stopped from {time_of_day(free_at)} on"
    )
