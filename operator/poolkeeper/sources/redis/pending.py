"""Which pending entries of a consumer group nobody has touched for longer than a job may take.

Redis knows for each how long ago it was delivered; a consumer that claims it (XCLAIM, XAUTOCLAIM) or reads it
again begins that time again. The filter IDLE is known since Redis 6.2; before, the first entries are listed
and filtered here.
"""

from dataclasses import replace

from hiredis import ReplyError

from poolkeeper.core.values.unmoved import Idle
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.redis.entry_ids import after, entry_id
from poolkeeper.sources.redis.pace import Pace
from poolkeeper.sources.redis.question import Command, Question, integer, optional, rows
from poolkeeper.sources.redis.replies import Reply

PAGE_ENTRIES = 250
MAX_ENTRIES = 1_000
"""Further entries are not listed."""
FILTER = "IDLE"
_UNKNOWN_OPTION = ("syntax error", "wrong number of arguments", "not an integer")
"""How servers without the filter answer."""


class PendingEntries:
    """Looks at the entries that are pending in one group."""

    def __init__(self, stream: str, group: str, unmoved_seconds: float) -> None:
        self._stream = stream
        self._group = group
        self._limit_milliseconds = int(unmoved_seconds * 1000) + 1
        self._pace = Pace(stream, unmoved_seconds)
        self._has_filter = True
        self._found_idle = False
        self._trail = ""
        self._looked_at_trail = ""

    def note(self, trail: str) -> None:
        """What this poll shows of the pending entries; it changes when one is delivered, claimed or done."""
        self._trail = trail

    def look(self, depth: Depth) -> Depth | Question:
        """Ask for entries that are idle for too long, if any is pending and it is time to look."""
        if not depth.in_flight:
            self._found_idle = False
            return depth
        # Only a look shows whether work or an orphan was done or claimed: a replica that took another entry
        # at the same time must not be stopped because that entry counts as the orphan. A consumer that reads
        # its own entries again leaves no trail.
        has_changed = self._trail != self._looked_at_trail
        if not self._pace.is_due(hurries=self._found_idle, at_once=self._found_idle and has_changed):
            return depth
        return self._page(depth, Idle(0), "-", listed=0)

    def _page(self, depth: Depth, found: Idle, start: str, *, listed: int) -> Question:
        """Ask for the pending entries from this id on; `listed` of them are known already."""

        def interpret(replies: list[Reply]) -> Depth | Question:
            (reply,) = replies
            if isinstance(reply, ReplyError):
                return self._without_filter(depth, reply)
            page = rows(reply, self._stream)
            idle = [seconds for entry in page if (seconds := self._idle_milliseconds(entry))]
            seen = Idle(
                found.requests + len(idle),
                max(found.longest_seconds, max(idle, default=0) / 1000),
                len(page) < PAGE_ENTRIES,
            )
            if seen.is_all or listed + len(page) >= MAX_ENTRIES:
                self._found_idle = seen.requests > 0
                self._looked_at_trail = self._trail
                return replace(depth, in_flight_look=seen)
            return self._page(depth, seen, after(entry_id(page[-1])), listed=listed + len(page))

        idle_filter: Command = (FILTER, self._limit_milliseconds) if self._has_filter else ()
        command = ("XPENDING", self._stream, self._group, *idle_filter, start, "+", PAGE_ENTRIES)
        return Question.of([command], optional(depth, interpret))

    def _without_filter(self, depth: Depth, error: ReplyError) -> Depth | Question:
        """Ask without the filter if the server does not know it. No other failure keeps the depth from being
        known."""
        is_unknown = self._has_filter and any(words in str(error) for words in _UNKNOWN_OPTION)
        if not is_unknown:
            return depth
        self._has_filter = False
        return self._page(depth, Idle(0), "-", listed=0)

    def _idle_milliseconds(self, entry: Reply) -> int:
        """How long an entry has been idle, if that is too long; else 0."""
        _, _, idle, _ = rows(entry, self._stream)
        milliseconds = integer(idle, self._stream)
        return milliseconds if milliseconds >= self._limit_milliseconds else 0
