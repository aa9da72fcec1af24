"""Which requests in flight have not moved for longer than a request may take: their worker is probably gone.

Three kinds of evidence, the best that a source has:

- `Idle`: the server itself counts the seconds since each request was handed out (a Redis stream does).
- `Entries`: a fingerprint of each request, in the order in which they lie (a Redis list). One that is there
  at every look has not moved. Example: a limit of 60 s, and looks at 0, 30 and 61 s that show (c, s), (d, s)
  and (e, s): s has not moved, whatever goes on beside it.
- Neither: all requests in flight together, as long as their number and their marker stay the same.

Where the evidence allows both, a request counts as worked on. Payloads may be equal, so that one request
looks like another, and a request that somebody put back may be taken again between two looks.

An entry that is put back and taken at once lies there at every poll all the same. What gives that away is
when the requests in flight were last touched (`Movement.touched_at`), as far as the server says so.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Idle(NamedTuple):
    """The requests that the server handed out longer ago than the source's limit."""

    requests: int
    longest_seconds: float = 0.0
    """How long ago the first of them was handed out."""
    is_all: bool = True
    """False where there may be more: they were counted up to a bound."""


class Entries(NamedTuple):
    """The requests in flight, one fingerprint each, in the order in which they lie."""

    digests: tuple[str, ...]
    is_all: bool = True
    """False where only those at both ends were looked at."""


Look = Idle | Entries


class Unmoved(NamedTuple):
    """The requests in flight that have not moved for longer than the source's limit."""

    requests: int = 0
    since: float = math.inf
    """When the first of them moved last, in Unix seconds; infinite where there is none."""
    is_all: bool = True
    """False where there may be more."""


NONE = Unmoved()
_SAME_INSTANT_SECONDS = 5.0
"""The same instant, computed from two looks, differs by what the answers took on their way."""


class Entry(NamedTuple):
    """One request in flight, and since when it has been seen in its place (Unix seconds)."""

    digest: str
    since: float


class Movement(NamedTuple):
    """What has been seen of the requests in flight of one source."""

    unmoved: Unmoved = NONE
    since: float = -math.inf
    """When the requests in flight last changed as a whole."""
    entries: tuple[Entry, ...] = ()
    """Those that the last look showed."""
    is_complete: bool = False
    """Whether the last look showed all."""
    fewest: int = 0
    """The fewest requests in flight since the last look."""
    taken: int = 0
    """Requests taken since the last look, as far as the depths show."""
    has_changed: bool = False
    """Whether the requests in flight changed as a whole since the last look."""
    found_at: float = -math.inf
    """When the first poll found requests in flight, if some have been so ever since: they may have been there
    for long."""
    touched_at: float = -math.inf
    """When the requests in flight were last touched by anybody, as the server says; where it does not, when
    they were last seen to change. Minus infinity where the server dates each request."""
    is_dated: bool = False
    """Whether the server dates each request: one that is taken again is not idle any more."""


NOTHING_SEEN = Movement()


def follow(
    before: Movement,
    now: float,
    in_flight: int | None,
    look: Look | None,
    *,
    is_same: bool,
    taken: int,
    limit_seconds: float,
    touched_at: float | None = None,
) -> Movement:
    """Enter one poll. `look` is None where no look was due; `is_same` says that number and marker are those
    of the poll before, and `taken` how many requests were taken since then. `touched_at`: when somebody
    touched the requests in flight last, where the server says so."""
    if not in_flight:
        return Movement(since=now)
    if before is NOTHING_SEEN:
        before = Movement(since=now, found_at=now)
    since = before.since if is_same and not taken else now
    is_dated = before.is_dated or isinstance(look, Idle)
    touched_at = (
        -math.inf if is_dated else max(before.touched_at, since if touched_at is None else touched_at)
    )
    passed = before._replace(
        since=since,
        touched_at=touched_at,
        is_dated=is_dated,
        fewest=min(before.fewest, in_flight),
        taken=before.taken + taken,
        has_changed=before.has_changed or not is_same,
    )
    if look is None:
        is_replaced = not (before.is_complete or is_same) and in_flight <= before.unmoved.requests
        was_idle = before.is_complete and not before.entries
        left = _less(before.unmoved, taken) if was_idle else before.unmoved
        seen = passed._replace(unmoved=NONE if is_replaced else _at_most(in_flight, left))
    elif isinstance(look, Idle):
        seen = passed._replace(unmoved=_of_idle(before.unmoved, now, look), is_complete=look.is_all)
    else:
        entries = _entries(passed, now, look, limit_seconds)
        seen = passed._replace(
            unmoved=_of_entries(entries, now, limit_seconds, is_all=look.is_all),
            entries=entries,
            is_complete=look.is_all,
        )
    if look is not None:
        unmoved = _at_most(in_flight, seen.unmoved)
        fewest = max(in_flight, len(seen.entries))  # a request may be taken between the depth and the look
        seen = seen._replace(unmoved=unmoved, fewest=fewest, taken=0, has_changed=False)
    if not seen.is_complete and now - seen.since > limit_seconds:
        return seen._replace(unmoved=Unmoved(in_flight, seen.since))
    return seen


def _at_most(in_flight: int, unmoved: Unmoved) -> Unmoved:
    return unmoved if unmoved.requests <= in_flight else unmoved._replace(requests=in_flight)


def _less(unmoved: Unmoved, taken: int) -> Unmoved:
    """What is sure to lie there still after so many were taken: each may have come in the place of one that
    is gone. The server knows better at the next look."""
    left = unmoved.requests - taken
    return unmoved._replace(requests=left) if left > 0 else NONE


def _of_idle(before: Unmoved, now: float, look: Idle) -> Unmoved:
    if not look.requests:
        return NONE
    since = now - look.longest_seconds
    is_same = abs(since - before.since) < _SAME_INSTANT_SECONDS
    return Unmoved(look.requests, before.since if is_same else since, look.is_all)


def _of_entries(entries: Sequence[Entry], now: float, limit_seconds: float, *, is_all: bool) -> Unmoved:
    unmoved = [entry.since for entry in entries if now - entry.since > limit_seconds]
    return Unmoved(len(unmoved), min(unmoved), is_all) if unmoved else NONE


def _entries(before: Movement, now: float, look: Entries, limit_seconds: float) -> tuple[Entry, ...]:
    """The entries of this look. One that is there since the look before keeps its instant."""
    if _were_put_back(before, look, now - limit_seconds):
        return tuple(Entry(digest, now) for digest in look.digests)
    single = _singles([entry.digest for entry in before.entries]) & _singles(look.digests)
    known = {entry.digest: entry.since for entry in before.entries if entry.digest in single}
    repeated = {} if before.taken else _repeated(before.entries, look.digests)
    is_still = before.taken > 0 and not before.has_changed
    if is_still and look.digests == tuple(entry.digest for entry in before.entries):
        # Requests were taken and no other entry has come: each may be a new one with an equal payload.
        known = {digest: since for digest, since in known.items() if since < now - limit_seconds}
    return tuple(Entry(digest, known.get(digest, repeated.get(digest, now))) for digest in look.digests)


def _were_put_back(before: Movement, look: Entries, orphaned_before: float) -> bool:
    """Whether somebody takes entries out and puts them in again, so that none is sure to be in its place.

    Workers add at one end and remove anywhere, so what stays keeps its order. An orphan that is gone was
    handed to somebody, and the others may follow faster than they are looked at.
    """
    places = {entry.digest: place for place, entry in enumerate(before.entries)}
    now_there, were_there = Counter(look.digests), Counter(entry.digest for entry in before.entries)
    common = now_there & were_there
    if common.total() > before.fewest:
        return True
    order = [places[digest] for digest in look.digests if were_there[digest] == now_there[digest] == 1]
    if order != sorted(order):
        return True
    is_all = before.is_complete and look.is_all
    orphans = (entry.digest for entry in before.entries if entry.since < orphaned_before)
    return is_all and any(now_there[digest] < were_there[digest] for digest in orphans)


def _singles(digests: Sequence[str]) -> set[str]:
    return {digest for digest, times in Counter(digests).items() if times == 1}


def _repeated(entries: Sequence[Entry], digests: Sequence[str]) -> dict[str, float]:
    """Since when those with equal payloads have been there, all counted as the latest of them.

    Only where there are no more of them than before: one more would be a new one that can't be made out.
    """
    now_there, were_there = Counter(digests), Counter(entry.digest for entry in entries)
    latest: dict[str, float] = {}
    for digest, since in entries:
        if 1 < now_there[digest] <= were_there[digest]:
            latest[digest] = max(since, latest.get(digest, since))
    return latest
