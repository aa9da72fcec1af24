"""Who gets what of one quota, while its pools ask for more than it has.

All replicas of all pools, those that run and those that are asked for, stand in one line, and the limits are
filled from its front:

1. what is guaranteed to a share, as far as its own pools hold it or ask for it;
2. then by priority of the share, and within one priority:
   replicas that may be working or are loading,
   replicas that waiting requests need, those first that take most requests for their part of the quota,
   the declared floor, and what is started ahead of requests,
   and at last replicas that are idle.

So an idle replica makes room for requests that wait in a pool of the same priority, and a busy one for a
share of higher priority only: once it is idle, since nothing that works is ended.

Example: a limit of 4 chips. Pool a holds 3, all idle; pool b holds 1 busy one and asks for 3. The line is: 1
busy of b, 2 asked for by b, 3 idle of a. The targets are 3 for b and 1 for a. One of a's replicas is idle
within what remains, so a stops 2, and once their pods are gone, b gets 2 more.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from poolkeeper.core.quota.quota import Amounts, Holder, Part, Quota, Share, most_that_fit
from poolkeeper.core.values.stake import Stake


class Claim(NamedTuple):
    """One holder before the arbiter."""

    part: Part
    held: int
    """Replicas that are asked for or run."""
    stake: Stake
    leaving: int = 0
    """Replicas whose pods are about to go, and count until they are gone."""


NOTHING_KEPT: Mapping[int, list[int]] = MappingProxyType({})


class Place(IntEnum):
    """Which replicas come first, among shares of one priority."""

    NEEDED = 0
    WAITED_FOR = 1
    FLOOR = 2
    AHEAD = 3
    IDLE = 4


PLACES = len(Place)


class Segment(NamedTuple):
    """Equal replicas of one holder. Segments sort by their place in the line."""

    rank: int
    """First by descending priority, then by place."""
    descending_worth: float
    """Requests that one replica takes at once, for each whole quota that it uses; negative."""
    deadline: float
    holder: Holder
    order: int
    """Of several segments of one holder in the same place."""
    is_asked_for: bool
    """Whether some of them may not run yet."""
    replicas: int
    part: Part


class Allotment(NamedTuple):
    """The outcome for one quota."""

    ceilings: dict[Holder, int]
    """Most replicas of each holder that wants more than it holds, or holds more than it should."""
    spare: list[int]
    """What nobody holds now or is to get, by measure: all others may have that much more. May be negative."""


def arbitrate(
    quota: Quota, claims: Mapping[Holder, Claim], segments: Iterable[Segment], used: Sequence[int]
) -> Allotment:
    """Fill the limits in the order of the line, which the segments of all claims make. `used` is what they
    hold, by measure, with what leaves."""
    line = sorted(segments)
    remaining = list(quota.limits)
    targets: dict[Holder, int] = {}
    borrows = [share.borrows for share in quota.shares]
    rest, kept = line, NOTHING_KEPT
    if _has_guarantees(quota):
        rest, kept = _guaranteed(quota, line, remaining, targets)
    for segment in rest:
        holder, part = segment.holder, segment.part
        if not borrows[part.share]:
            continue
        own = kept.get(part.share)
        fitting = _fill(remaining, part.use, segment.replicas, own)
        if fitting:
            targets[holder] = targets.get(holder, 0) + fitting
    free = [limit - each for limit, each in zip(quota.limits, used, strict=True)]
    ceilings = _grants(claims, line, targets, free)
    for holder, claim in claims.items():
        if targets.get(holder, 0) < claim.held:
            ceilings[holder] = targets.get(holder, 0)
    return Allotment(ceilings, [min(left, now) for left, now in zip(remaining, free, strict=True)])


def _grants(
    claims: Mapping[Holder, Claim], line: Iterable[Segment], targets: Mapping[Holder, int], free: list[int]
) -> dict[Holder, int]:
    """Which holders may have more already, in the order of the line, from what nobody holds now. Takes that
    from `free`."""
    grants: dict[Holder, int] = {}
    for segment in line:
        holder = segment.holder
        if not segment.is_asked_for or holder in grants:
            continue
        part, held, stake, _ = claims[holder]
        if stake.wanted > held:
            more = min(targets.get(holder, 0), stake.wanted) - held
            grants[holder] = held + (0 if part.unknown or more <= 0 else _fill(free, part.use, more))
    return grants


def segments_of(quota: Quota, holder: Holder, claim: Claim) -> list[Segment]:
    """The replicas that a holder has, and those that it asks for, as they stand in the line."""
    part, held, stake, _ = claim
    wanted = held if part.unknown else stake.wanted
    rank = -quota.shares[part.share].priority * PLACES
    found: list[Segment] = []

    def enter(place: Place, upto: int, at: int, *, is_asked_for: bool, worth: float = 0.0) -> int:
        if upto > at:
            found.append(Segment(rank + place, -worth, 0.0, holder, 0, is_asked_for, upto - at, part))
        return max(upto, at)

    at = enter(Place.NEEDED, min(held, stake.needed), 0, is_asked_for=False)
    if stake.waiting and wanted > at:
        found += _waited_for(quota, holder, part, stake, wanted - at, rank + Place.WAITED_FOR)
        at = wanted
    at = enter(Place.FLOOR, min(stake.floor, max(held, wanted)), at, is_asked_for=True)
    at = enter(Place.AHEAD, wanted, at, is_asked_for=True)
    enter(Place.IDLE, held, at, is_asked_for=False, worth=stake.free_at)
    return found


def _waited_for(
    quota: Quota, holder: Holder, part: Part, stake: Stake, left: int, rank: int
) -> Iterator[Segment]:
    """The replicas that waiting requests need: full ones first, then one for the rest, then all others."""
    weight, order = _weight(quota.limits, part.use), 0
    whole, rest = divmod(stake.waiting, stake.slots)
    for count, requests in ((whole, stake.slots), (1 if rest else 0, rest), (left, 0)):
        taken = min(count, left)
        if taken > 0:
            yield Segment(rank, -requests / weight, stake.deadline, holder, order, True, taken, part)
            left, order = left - taken, order + 1


@lru_cache(maxsize=1024)
def _weight(limits: Amounts, use: Amounts) -> float:
    """The largest part of a limit that one replica uses: what it costs the others."""
    most = 0.0
    for index, each in enumerate(use):
        if each:
            most = max(most, each / limits[index] if limits[index] else math.inf)
    return most or 1.0


def _has_guarantees(quota: Quota) -> bool:
    return any(share.guaranteed for share in quota.shares)


def _guaranteed(
    quota: Quota, line: Iterable[Segment], remaining: list[int], targets: dict[Holder, int]
) -> tuple[list[Segment], dict[int, list[int]]]:
    """Serve what is guaranteed. Returns what of the line is not, and by share what is kept back since the
    share does not lend it: taken from what remains, and for its own pools only."""
    left = [_budget(quota, share) for share in quota.shares]
    rest: list[Segment] = []
    for segment in line:
        part, budget = segment.part, left[segment.part.share]
        fitting = 0
        if budget is not None:
            fitting = _fill(remaining, part.use, most_that_fit(budget, part.use, segment.replicas))
            if fitting:
                targets[segment.holder] = targets.get(segment.holder, 0) + fitting
                _take(budget, part.use, fitting)
        if fitting < segment.replicas:
            rest.append(segment._replace(replicas=segment.replicas - fitting) if fitting else segment)
    kept: dict[int, list[int]] = {}
    for index, (share, budget) in enumerate(zip(quota.shares, left, strict=True)):
        if not share.lends and budget is not None:
            # Of guarantees that exceed the limit together, the first ones get what there is.
            pairs = zip(kept_back(share, budget), remaining, strict=True)
            kept[index] = [max(0, min(pair)) for pair in pairs]
            _take(remaining, tuple(kept[index]), 1)
    return rest, kept


def _budget(quota: Quota, share: Share) -> list[int] | None:
    """What is guaranteed to a share; a measure that the guarantee does not name does not limit it."""
    if not share.guaranteed:
        return None
    pairs = zip(share.guaranteed, quota.limits, strict=True)
    return [limit if amount is None else amount for amount, limit in pairs]


def kept_back(share: Share, left: Iterable[int]) -> Amounts:
    """What others may not use of a guarantee of which so much is left."""
    pairs = zip(share.guaranteed, left, strict=True)
    return tuple([0 if amount is None else max(0, each) for amount, each in pairs])


def _fill(room: list[int], use: Amounts, most: int, own: list[int] | None = None) -> int:
    """Take as many replicas, at most `most`, as fit, from what is kept for their share and then from the
    rest; returns how many."""
    if own is not None:
        return _fill_from_both(room, use, most, own)
    fitting = most_that_fit(room, use, most)
    if fitting:
        for index, each in enumerate(use):
            room[index] -= each * fitting
    return fitting


def _fill_from_both(room: list[int], use: Amounts, most: int, own: list[int]) -> int:
    fitting = most_that_fit([left + mine for left, mine in zip(room, own, strict=True)], use, most)
    for index, each in enumerate(use):
        mine = min(own[index], each * fitting)
        own[index] -= mine
        room[index] -= each * fitting - mine
    return fitting


def _take(room: list[int], use: Amounts, replicas: int) -> None:
    for index, each in enumerate(use):
        if each:
            room[index] -= each * replicas
