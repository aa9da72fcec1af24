"""The books of all quotas: what every holder has, and whether it may have more.

A raise must be reserved before it is written, and what is reserved counts until its pods are gone; so the sum
never exceeds a limit by what the operator does. The line of `arbitration` is only made for a quota whose
pools ask for more than it has; otherwise a change costs a few additions, however many pools there are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from poolkeeper.core.quota.arbitration import Allotment, Claim, Segment, arbitrate, kept_back, segments_of
from poolkeeper.core.quota.quota import Amounts, Holder, Part, Quota, has_room, most_that_fit
from poolkeeper.core.values.stake import Stake

NOTHING_KNOWN = Stake(needed=0, wanted=0)


class Ceiling(NamedTuple):
    """How many replicas a holder may have, and by which quota."""

    replicas: int
    quota: str


@dataclass(slots=True)
class Position:
    """What one holder has in all quotas, and what it asks for."""

    parts: Mapping[str, Part]
    held: int = 0
    leaving: int = 0
    stake: Stake = NOTHING_KNOWN
    shown: int | None = None
    """The ceiling that it was given last."""

    @property
    def counted(self) -> int:
        return self.held + self.leaving


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


class Bank:
    """Reserves capacity. Deterministic, without a clock: the same calls in the same order have the same
    answers."""

    def __init__(self) -> None:
        self.books: dict[str, Books] = {}
        self._positions: dict[Holder, Position] = {}

    def declare(self, quota: Quota) -> None:
        """Take a quota as it is declared now; its members have to be placed again."""
        before = self.books.get(quota.name)
        for holder in before.members if before else ():
            position = self._positions[holder]
            position.parts = {name: part for name, part in position.parts.items() if name != quota.name}
        self.books[quota.name] = Books(quota)

    def drop(self, name: str) -> None:
        """A quota was deleted: it limits nobody any more."""
        books = self.books.pop(name, None)
        for holder in books.members if books else ():
            position = self._positions[holder]
            position.parts = {each: part for each, part in position.parts.items() if each != name}

    def place(self, holder: Holder, parts: Mapping[str, Part]) -> None:
        """Say in which quotas a holder takes part, and what one replica uses of each."""
        position = self._positions.get(holder)
        if position is None:
            if not parts:
                return
            position = self._positions[holder] = Position({})
        if position.parts == parts:
            return
        self._count(holder, position, -position.counted)
        for name in position.parts.keys() - parts.keys():
            self.books[name].members.discard(holder)
            self.books[name].waiting.discard(holder)
            self.books[name].stale.add(holder)
        position.parts = dict(parts)
        for name in parts:
            self.books[name].members.add(holder)
        self._count(holder, position, position.counted)

    def forget(self, holder: Holder) -> None:
        """The holder was deleted."""
        self.place(holder, {})
        self._positions.pop(holder, None)

    def hold(self, holder: Holder, held: int, leaving: int) -> None:
        """So many replicas of a holder count."""
        position = self._positions.get(holder)
        if position is None or (held, leaving) == (position.held, position.leaving):
            return
        more = held + leaving - position.counted
        position.held, position.leaving = held, leaving
        self._count(holder, position, more)

    def stakes(self, holder: Holder, stake: Stake) -> None:
        """What is at stake for a holder has changed."""
        position = self._positions.get(holder)
        if position is None or stake == position.stake:
            return
        position.stake = stake
        self._count(holder, position, 0)

    def position(self, holder: Holder) -> Position | None:
        return self._positions.get(holder)

    def parts_of(self, books: Books) -> Iterator[tuple[Holder, Part]]:
        """The members of a quota, and how each takes part."""
        for holder in books.members:
            yield holder, self._positions[holder].parts[books.quota.name]

    def ceiling(self, holder: Holder) -> Ceiling | None:
        """The most replicas that a holder may ask for now; None where no quota limits it."""
        position = self._positions.get(holder)
        if position is None or not position.parts:
            return None
        found = min(
            Ceiling(self._most(holder, position, self.books[name], part), name)
            for name, part in position.parts.items()
        )
        position.shown = found.replicas
        return found

    def fits_together(self, holders: Iterable[Holder]) -> bool:
        """Whether each of these holders may have a replica more, and all of them at once. Those that no quota
        counts need no room."""
        asked: dict[str, list[int]] = {}
        rooms: dict[str, list[int]] = {}
        for holder in holders:
            position = self._positions.get(holder)
            if position is None:
                continue
            for name, part in position.parts.items():
                if part.unknown or self._most(holder, position, self.books[name], part) <= position.held:
                    return False
                together = asked.setdefault(name, [0] * len(part.use))
                asked[name] = [used + each for used, each in zip(together, part.use, strict=True)]
                room = self.books[name].room(part)
                rooms[name] = [min(pair) for pair in zip(room, rooms.get(name, room), strict=True)]
        return all(
            used <= left for name, uses in asked.items() for used, left in zip(uses, rooms[name], strict=True)
        )

    def reserve(self, holder: Holder, replicas: int) -> bool:
        """Count a raise to so many replicas, if every quota has room for it. Returns whether it is
        counted."""
        position = self._positions.get(holder)
        if position is None or not position.parts:
            return True
        # None where a raise without an answer counts already: no such raise is repeated in a full quota.
        more = max(0, replicas - position.held)
        for name, part in position.parts.items():
            if part.unknown or not has_room(self.books[name].room(part), part.use, more):
                return False
        if not more:
            return True
        self.hold(holder, replicas, position.leaving)
        for name in position.parts:
            allotment = self.books[name].allotment
            if allotment is not None and holder in allotment.ceilings:
                # Until the arbiter is asked again, what it granted must not look like too much.
                allotment.ceilings[holder] = max(replicas, allotment.ceilings[holder])
        return True

    @property
    def is_due(self) -> bool:
        """Whether the arbiter should be asked."""
        return any(books.is_due for books in self.books.values())

    def settle(self) -> set[Holder]:
        """Ask the arbiter about each quota where something has changed. Returns the holders whose ceiling is
        another one than they were given."""
        concerned: set[Holder] = set()
        for books in self.books.values():
            if books.is_due:
                concerned |= self._settle(books)
        return {holder for holder in concerned if self._is_news(holder)}

    def _settle(self, books: Books) -> set[Holder]:
        """Returns the holders that the arbiter has said something new about."""
        books.is_due = False
        before = books.allotment.ceilings.items() if books.allotment else {}.items()
        is_short = books.waiting or books.is_over
        books.allotment = self._arbitrated(books) if is_short else None
        after = books.allotment.ceilings.items() if books.allotment else {}.items()
        return {holder for holder, _ in before ^ after}

    def _arbitrated(self, books: Books) -> Allotment:
        name, claims, segments = books.quota.name, books.claims, books.segments
        for holder in books.stale:
            position = self._positions.get(holder)
            part = position.parts.get(name) if position else None
            if position is None or part is None:
                claims.pop(holder, None)
                segments.pop(holder, None)
            else:
                claim = claims[holder] = Claim(part, position.held, position.stake, position.leaving)
                segments[holder] = segments_of(books.quota, holder, claim)
        books.stale.clear()
        return arbitrate(books.quota, claims, chain.from_iterable(segments.values()), books.used)

    def _is_news(self, holder: Holder) -> bool:
        position = self._positions.get(holder)
        if position is None or position.shown is None:
            return False
        shown, found = position.shown, self.ceiling(holder)
        position.shown = shown
        wanted = max(position.stake.wanted, position.held)
        # What a ceiling allows beyond that changes nothing.
        return found is None or min(found.replicas, wanted) != min(shown, wanted)

    def _most(self, holder: Holder, position: Position, books: Books, part: Part) -> int:
        allotment, held = books.allotment, position.held
        if allotment is None:
            return held if part.unknown else held + _fitting(books.room(part), part.use)
        if (ceiling := allotment.ceilings.get(holder)) is not None:
            # What was granted may have gone to a holder that nobody had to give way for.
            return ceiling if ceiling <= held else min(ceiling, held + _fitting(books.room(part), part.use))
        if part.unknown:
            return held
        room = [min(pair) for pair in zip(books.room(part), allotment.spare, strict=True)]
        return held + _fitting(room, part.use)

    def _count(self, holder: Holder, position: Position, more: int) -> None:
        is_waiting = position.stake.wanted > position.held
        for name, part in position.parts.items():
            books = self.books[name]
            books.stale.add(holder)
            if more:
                books.add(part, more)
            # What can't be added to asks nobody to give way.
            if is_waiting and not part.unknown:
                books.waiting.add(holder)
            else:
                books.waiting.discard(holder)
            books.is_due = books.is_due or books.allotment is not None or bool(books.waiting) or books.is_over


MOST_REPLICAS = 1_000_000
"""More than any pool may declare: what a replica that uses nothing of a quota may have of it."""


def _fitting(room: Iterable[int], use: Amounts) -> int:
    return most_that_fit(list(room), use, MOST_REPLICAS)
