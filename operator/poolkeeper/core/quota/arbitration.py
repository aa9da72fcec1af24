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
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
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


class Place(IntEnum):
    """Which replicas come first, among shares of one priority."""

    NEEDED = 0
    WAITED_FOR = 1
    FLOOR = 2
    AHEAD = 3
    IDLE = 4


class Segment(NamedTuple):
    """Equal replicas of one holder. Segments sort by their place in the line."""

    descending_priority: int
    place: Place
    descending_worth: float
    """Requests that one replica takes at once, for each whole quota that it uses; negative."""
    deadline: float
    holder: Holder
    order: int
    """Of several segments of one holder in the same place."""
    replicas: int
    part: Part


class Allotment(NamedTuple):
    """The outcome for one quota."""

    ceilings: dict[Holder, int]
    """Most replicas of each holder that wants more than it holds, or holds more than it should."""
    spare: list[int]
    """What nobody holds now or is to get, by measure: all others may have that much more. May be negative."""


def arbitrate(quota: Quota, claims: Mapping[Holder, Claim]) -> Allotment:
    """Fill the limits in the order of the line."""
    line = sorted(_line(quota, claims))
    remaining = list(quota.limits)
    targets: dict[Holder, int] = {}
    borrows = [share.borrows for share in quota.shares]
    rest = _guaranteed(quota, line, remaining, targets) if _has_guarantees(quota) else line
    for segment in rest:
        holder, part = segment.holder, segment.part
        if not borrows[part.share]:
            continue
        if fitting := _fill(remaining, part.use, segment.replicas):
            targets[holder] = targets.get(holder, 0) + fitting
    ceilings, free = _grants(quota, claims, line, targets)
    for holder, claim in claims.items():
        if targets.get(holder, 0) < claim.held:
            ceilings[holder] = targets.get(holder, 0)
    return Allotment(ceilings, [min(left, now) for left, now in zip(remaining, free, strict=True)])


def _grants(
    quota: Quota, claims: Mapping[Holder, Claim], line: Iterable[Segment], targets: Mapping[Holder, int]
) -> tuple[dict[Holder, int], list[int]]:
    """Who may have more already, in the order of the line, from what nobody holds now; and what is left."""
    free = list(quota.limits)
    for claim in claims.values():
        if claim.held or claim.leaving:
            _take(free, claim.part.use, claim.held + claim.leaving)
    grants: dict[Holder, int] = {}
    for segment in line:
        if segment.place is Place.NEEDED or segment.place is Place.IDLE:
            continue
        holder, (part, held, stake, _) = segment.holder, claims[segment.holder]
        if stake.wanted > held and holder not in grants:
            target = targets.get(holder, 0)
            more = min(target, stake.wanted) - held
            grants[holder] = held + (0 if part.unknown or more <= 0 else _fill(free, part.use, more))
    return grants, free


def _line(quota: Quota, claims: Mapping[Holder, Claim]) -> Iterator[Segment]:
    for holder, (part, held, stake, _) in claims.items():
        wanted = held if part.unknown else stake.wanted
        priority = -quota.shares[part.share].priority
        kept = min(held, stake.needed)
        if kept:
            yield Segment(priority, Place.NEEDED, 0.0, 0.0, holder, 0, kept, part)
        if held == kept and wanted <= held:
            continue
        asked = wanted if stake.waiting else kept
        if asked > kept:
            yield from _waited_for(quota, holder, part, stake, kept, asked, priority)
        at = max(kept, asked)
        if stake.floor > at and max(held, wanted) > at:
            upto = min(stake.floor, max(held, wanted))
            yield Segment(priority, Place.FLOOR, 0.0, 0.0, holder, 0, upto - at, part)
            at = upto
        if wanted > at:
            yield Segment(priority, Place.AHEAD, 0.0, 0.0, holder, 0, wanted - at, part)
            at = wanted
        if held > at:
            yield Segment(priority, Place.IDLE, -stake.free_at, 0.0, holder, 0, held - at, part)


def _waited_for(
    quota: Quota, holder: Holder, part: Part, stake: Stake, kept: int, asked: int, priority: int
) -> Iterator[Segment]:
    """The replicas that waiting requests need: full ones first, then one for the rest, then all others."""
    slots, deadline, left, order = stake.slots, stake.deadline, asked - kept, 0
    weight = _weight(quota.limits, part.use)
    whole, rest = divmod(stake.waiting, slots)
    for count, requests in ((whole, slots), (1 if rest else 0, rest), (left, 0)):
        taken = count if count < left else left
        if taken > 0:
            worth = -requests / weight
            yield Segment(priority, Place.WAITED_FOR, worth, deadline, holder, order, taken, part)
            left -= taken
            order += 1


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
) -> list[Segment]:
    """Serve what is guaranteed. Returns what of the line is not, after keeping back what shares don't
    lend."""
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
    for share, budget in zip(quota.shares, left, strict=True):
        if not share.lends and budget is not None:
            _take(remaining, kept_back(share, budget), 1)
    return rest


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


def _fill(room: list[int], use: Amounts, most: int) -> int:
    """Take as many replicas, at most `most`, as fit; returns how many."""
    fitting = most_that_fit(room, use, most)
    if fitting:
        _take(room, use, fitting)
    return fitting


def _take(room: list[int], use: Amounts, replicas: int) -> None:
    for index, each in enumerate(use):
        if each:
            room[index] -= each * replicas
