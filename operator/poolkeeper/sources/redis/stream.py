"""Jobs in a Redis stream: what its consumer group has not delivered waits, what is pending is in flight.

XINFO GROUPS gives both at once. Its `lag` is null once entries ahead of the group were deleted, and absent
before Redis 7: then the undelivered entries are counted, in pages and up to a bound. `last-delivered-id`
shows that an entry came and went between two polls, and `entries-read`, from Redis 7, how many did. An
entry's id begins with the millisecond of its arrival (redis.io, "Redis streams"), unless the producer chose
ids of its own.

For each pending entry Redis knows how long ago it was delivered or claimed last. Now and then the entries are
listed for which that is longer than a job may take: the consumer that holds one is gone.
"""

from dataclasses import replace

from hiredis import ReplyError

from poolkeeper.api.demand import RedisStream
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.redis.entry_ids import after, arrived_at, entry_id, sortable
from poolkeeper.sources.redis.pending import PendingEntries
from poolkeeper.sources.redis.question import Command, Question, ask_for_type, integer, is_wrong_type, rows
from poolkeeper.sources.redis.queue import RedisQueue
from poolkeeper.sources.redis.replies import Reply

PAGE_ENTRIES = 100
MAX_COUNTED_ENTRIES = 1_000
"""Where the lag is counted entry by entry, a longer queue counts as this long: entries come with their
bodies."""


def redis_stream(declared: RedisStream, unmoved_seconds: float) -> RedisQueue:
    """A queue that is read with XINFO GROUPS, XPENDING and XRANGE."""
    pending = PendingEntries(declared.stream, declared.group, unmoved_seconds)
    return RedisQueue(declared, _Stream(declared.stream, declared.group, pending).question())


class _Stream:
    def __init__(self, stream: str, group: str, pending: PendingEntries) -> None:
        self._stream = stream
        self._group = group
        self._pending = pending

    def question(self) -> Question:
        """What waits and what is in flight."""
        commands: list[Command] = [
            ("XINFO", "GROUPS", self._stream),
            ("XPENDING", self._stream, self._group),
            ("XLEN", self._stream),
        ]
        return Question.of(commands, self._read)

    def _read(self, replies: list[Reply]) -> Depth | Question:
        groups, pending, length = replies
        if is_wrong_type(groups):
            return ask_for_type(self._stream, "stream")
        state = self._group_state(groups)
        in_flight = integer(state.get(b"pending"), self._stream)
        depth = Depth(
            queued=0,
            in_flight=in_flight,
            in_flight_marker=self._marker(pending),
        )
        lag, delivered = state.get(b"lag"), state.get(b"last-delivered-id")
        if not isinstance(delivered, bytes):
            raise SourceFailure("ServerError", f"XINFO GROUPS {self._stream!r} names no last-delivered-id")
        read = state.get(b"entries-read")
        depth = replace(
            depth,
            last_taken=sortable(delivered),
            taken=read if isinstance(read, int) else None,
        )
        self._pending.note(f"{delivered!r} {pending!r}")  # with the number of entries of each consumer
        if lag is None:
            return self._count(depth, delivered)
        # The lag also counts entries that were trimmed before delivery: no more can wait than XLEN.
        waiting = min(integer(lag, self._stream), integer(length, self._stream))
        depth = replace(depth, queued=waiting)
        return self._date(depth, delivered) if waiting else self._pending.look(depth)

    def _group_state(self, groups: Reply) -> dict[Reply, Reply]:
        if isinstance(groups, ReplyError) and "no such key" in str(groups).lower():
            raise SourceFailure(
                "StreamMissing",
                f"there is no stream {self._stream!r}; create it with: {self._create_command()}",
            )
        for group in rows(groups, self._stream):
            fields = rows(group, self._stream)
            state = dict(zip(fields[::2], fields[1::2], strict=True))
            if state.get(b"name") == self._group.encode():
                return state
        raise SourceFailure(
            "GroupMissing",
            f"stream {self._stream!r} has no consumer group {self._group!r}; "
            f"create it with: {self._create_command()}",
        )

    def _create_command(self) -> str:
        return f"XGROUP CREATE {self._stream} {self._group} 0 MKSTREAM"

    def _marker(self, pending: Reply) -> str:
        """How many entries are pending, and the first and the last of them."""
        count, first, last, *_ = rows(pending, self._stream)
        ends = (end.decode("ascii", "replace") if isinstance(end, bytes) else "" for end in (first, last))
        return ":".join((str(count), *ends))

    def _date(self, depth: Depth, delivered: bytes) -> Question:
        """Ask when the first undelivered entry arrived."""

        def interpret(replies: list[Reply]) -> Depth | Question:
            entries = rows(replies[0], self._stream)
            dated = replace(depth, oldest_arrived_at=arrived_at(entries[0])) if entries else depth
            return self._pending.look(dated)

        return Question.of([("XRANGE", self._stream, after(delivered), "+", "COUNT", 1)], interpret)

    def _count(self, depth: Depth, last_seen: bytes) -> Question:
        """Count undelivered entries, one page per question."""

        def interpret(replies: list[Reply]) -> Depth | Question:
            entries = rows(replies[0], self._stream)
            if not entries:
                return self._pending.look(depth)
            counted = replace(
                depth,
                queued=depth.queued + len(entries),
                oldest_arrived_at=arrived_at(entries[0]) if depth.queued == 0 else depth.oldest_arrived_at,
            )
            if len(entries) < PAGE_ENTRIES or counted.queued >= MAX_COUNTED_ENTRIES:
                return self._pending.look(counted)
            return self._count(counted, entry_id(entries[-1]))

        return Question.of(
            [("XRANGE", self._stream, after(last_seen), "+", "COUNT", PAGE_ENTRIES)], interpret
        )
