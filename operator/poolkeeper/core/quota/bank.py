"""The books of all quotas: what every holder has, and whether it may have more.

A raise must be reserved before it is written, and what is reserved counts until its pods are gone; so the sum
never exceeds a limit by what the operator does. The line of `arbitration` is only made for a quota whose
pools ask for more than it has; otherwise a change costs a few additions, however many pools there are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from poolkeeper.core.quota.arbitration import Allotment, Claim, arbitrate, segments_of
from poolkeeper.core.quota.books import Books
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
        most, _, name = min(self._all_most(holder, position))
        found = Ceiling(most, name)
        position.shown = found.replicas
        return found

    def _all_most(self, holder: Holder, position: Position) -> Iterator[tuple[int, int, str]]:
        """What each quota allows, and what it would without the others: of several that allow the same, the
        one that is the reason comes first."""
        for name, part in position.parts.items():
            books = self.books[name]
            most = alone = self._most(holder, position, books, part, books.allotment)
            if books.alone is not books.allotment:
                alone = self._most(holder, position, books, part, books.alone)
            yield most, alone, name

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
                books = self.books[name]
                most = self._most(holder, position, books, part, books.allotment)
                if part.unknown or most <= position.held:
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
        before = {name: books.ceilings() for name, books in self.books.items()}
        due = [books for books in self.books.values() if books.is_due]
        for books in due:
            books.is_due = False
            is_short = books.waiting or books.is_over
            books.allotment = books.alone = self._arbitrated(books) if is_short else None
        if due and len(self.books) > 1:
            self._settle_together()
        concerned: set[Holder] = set()
        for name, books in self.books.items():
            concerned |= {holder for holder, _ in before[name] ^ books.ceilings()}
        return {holder for holder in concerned if self._is_news(holder)}

    def _settle_together(self) -> None:
        """Ask again with claims of no more than what other quotas allow: else what a pool can't have because
        of its team's quota would be kept for it in the site's, and nobody would use it."""
        for books in self.books.values():
            if books.alone is None:
                continue
            limited = dict(self._limited(books))
            if limited:
                claims = {**books.claims, **limited}
                others = (line for holder, line in books.segments.items() if holder not in limited)
                again = (segments_of(books.quota, *each) for each in limited.items())
                line = chain.from_iterable(chain(others, again))
                books.allotment = arbitrate(books.quota, claims, line, books.used)
            elif books.allotment is not books.alone:
                books.allotment = books.alone

    def _limited(self, books: Books) -> Iterator[tuple[Holder, Claim]]:
        """The claims of holders that other quotas allow less than they ask for."""
        for holder in books.waiting:
            position = self._positions[holder]
            others = [
                self._most(holder, position, each, part, each.alone)
                for name, part in position.parts.items()
                if (each := self.books[name]) is not books
            ]
            claim = books.claims.get(holder)
            if others and claim is not None and min(others) < claim.stake.wanted:
                wanted = max(min(others), position.held)
                yield holder, claim._replace(stake=claim.stake._replace(wanted=wanted))

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

    def _most(
        self, holder: Holder, position: Position, books: Books, part: Part, allotment: Allotment | None
    ) -> int:
        """What one quota allows by an answer of the arbiter; None where it was not asked."""
        held = position.held
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
