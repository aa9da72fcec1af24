"""The entries of a processing list, one by one.

Redis knows no times for them, so each is recognised by a digest; entries may be large or secret and are not
kept themselves. An entry that lies there at look after look is not worked on (`core/values/unmoved.py`).

One that is put back and taken at once looks the same, so Redis is also asked when the list was last touched
(OBJECT IDLETIME). That is of use where our own reads do not touch it (CLIENT NO-TOUCH, from Redis 7.2 on).
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

from hiredis import ReplyError

from poolkeeper.core.values.unmoved import Entries
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.redis.pace import Pace
from poolkeeper.sources.redis.question import Command, Question, integer, optional, refuse_errors, rows
from poolkeeper.sources.redis.replies import Digest, Reply

MOST_ENTRIES = 64
"""Entries that are looked at from each end."""
FEWEST_ENTRIES = 8
"""The same where entries are large."""
LOOK_BYTES = 32 * 1024
"""Bytes that a look may take, by the size of the entries at both ends."""
IDLE_INACCURACY_SECONDS = 2.0
"""An idle time is the difference of two readings of a clock of whole seconds, so that it may be 1 s too long.
Redis reads that clock ten times a second, and the answer takes its time: another second."""
_NEVER_ALLOWED = ("NOPERM", "unknown command")
"""How a server answers whose user may not use LRANGE or OBJECT."""
_NOT_TRACKED = "LFU"
"""How a server answers whose `maxmemory-policy` counts uses and keeps no idle times."""


class ProcessingList:
    """Looks at the entries of one processing list."""

    def __init__(self, key: str, unmoved_seconds: float) -> None:
        self._key = key
        self._pace = Pace(key, unmoved_seconds)
        self._ends: tuple[str, str] | None = None
        self._is_refused = self._has_no_idle_time = False
        self._shown: tuple[int, str] | None = None

    def look(self, depth: Depth, first: Reply, last: Reply) -> Depth | Question:
        """Ask for the entries, if there are any and it is time to look. Up to two are known from the ends.

        Where the list looks as it did at the last poll, ask how long it has been so.
        """
        shown = (depth.in_flight or 0, depth.in_flight_marker)
        is_same, self._shown = shown == self._shown, shown
        if not is_same or not depth.in_flight or self._has_no_idle_time:
            return self._look(depth, first, last)
        return self._ask_idle_time(depth, lambda found: self._look(found, first, last))

    def _ask_idle_time(self, depth: Depth, go_on: Callable[[Depth], Depth | Question]) -> Question:
        def interpret(replies: list[Reply]) -> Depth | Question:
            (seconds,) = replies
            if isinstance(seconds, ReplyError):
                self._has_no_idle_time = any(
                    words in str(seconds) for words in (*_NEVER_ALLOWED, _NOT_TRACKED)
                )
            if not isinstance(seconds, int):
                return go_on(depth)
            return go_on(replace(depth, untouched_seconds=max(seconds - IDLE_INACCURACY_SECONDS, 0.0)))

        question = Question.of([("OBJECT", "IDLETIME", self._key)], interpret)
        return replace(question, where_reads_touch=lambda: go_on(depth))

    def _look(self, depth: Depth, first: Reply, last: Reply) -> Depth | Question:
        ends = (digest(self._key, first), digest(self._key, last))
        if not depth.in_flight:
            self._ends = None
            return depth
        if depth.in_flight <= len(ends):
            self._ends = ends
            return replace(depth, in_flight_look=Entries(ends[: depth.in_flight]))
        have_both_changed = self._ends is not None and not any(map(str.__eq__, self._ends, ends))
        if self._is_refused or not self._pace.is_due(hurries=have_both_changed):
            return depth
        self._ends = ends
        return self._ask(depth, _window(first, last))

    def _ask(self, depth: Depth, window: int) -> Question:
        """Both ends and the length in one transaction, so that it is known whether the ends overlap. A list
        that is shorter than a window is read whole, with room for what is taken meanwhile."""
        most = 2 * window
        if (depth.in_flight or 0) <= window:
            commands: list[Command] = [("LRANGE", self._key, 0, most - 1)]
        else:
            head, tail = ("LRANGE", self._key, 0, window - 1), ("LRANGE", self._key, -window, -1)
            commands = [("MULTI",), ("LLEN", self._key), head, tail, ("EXEC",)]

        def interpret(replies: list[Reply]) -> Depth:
            errors = [str(reply) for reply in replies if isinstance(reply, ReplyError)]
            if errors:
                # The depth is known all the same.
                self._is_refused = any(words in each for words in _NEVER_ALLOWED for each in errors)
                return depth
            found = rows(replies[-1], self._key)
            if len(commands) == 1:
                return self._seen(depth, found, is_all=len(found) < most)
            length, first, last = found
            total = integer(length, self._key)
            entries = [*rows(first, self._key), *rows(last, self._key)[max(most - total, 0) :]]
            return self._seen(depth, entries, is_all=total <= most)

        return Question.of(commands, optional(depth, interpret))

    def _seen(self, depth: Depth, entries: list[Reply], *, is_all: bool) -> Depth:
        digests = tuple([digest(self._key, entry) for entry in entries])
        return replace(depth, in_flight_look=Entries(digests, is_all))


def digest(key: str, *entries: Reply) -> str:
    """Differs where one of the entries does."""
    content_digest = blake2b(digest_size=8)
    for entry in entries:
        refuse_errors(entry, key)
        content = entry if isinstance(entry, bytes) else b""
        content_digest.update(len(content).to_bytes(8, "big") + content)
    return content_digest.hexdigest()


def _window(*ends: Reply) -> int:
    """How many entries to look at from each end."""
    if any(isinstance(entry, Digest) for entry in ends):
        return FEWEST_ENTRIES
    size = max(len(entry) if isinstance(entry, bytes) else 0 for entry in ends)
    return min(max(LOOK_BYTES // (2 * max(size, 1)), FEWEST_ENTRIES), MOST_ENTRIES)
