"""A Redis in memory, as far as sources read it: it answers their packed commands over a `Wire` of its own.

Lists and streams are plain data that the workers' side (wires.py) changes directly. A command that is not
known here is answered with an error, so that a source which asks something new fails loudly.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hiredis import Reader, ReplyError

from poolkeeper.sources.redis.replies import Reply

Words = tuple[bytes, ...]
LAST = 2**64 - 1


@dataclass
class Pending:
    """A stream's entry that was delivered and not acknowledged."""

    consumer: str
    delivered_at: float
    deliveries: int = 1


@dataclass
class Stream:
    """Entries with one consumer group, whose `delivered` first entries were delivered."""

    entries: list[tuple[int, int]] = field(default_factory=list)
    """Ids: milliseconds and sequence."""
    delivered: int = 0
    pending: dict[tuple[int, int], Pending] = field(default_factory=dict)
    consumers: dict[str, float] = field(default_factory=dict)
    """When each was last heard of."""


@dataclass
class Client:
    """A worker's connection."""

    number: int
    connected_at: float
    asked_at: float
    """When it last asked for something, or was answered."""
    command: str


class MemoryRedis:
    """One server; `now` is the world's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.lists: dict[bytes, list[bytes]] = {}
        self.streams: dict[bytes, Stream] = {}
        self.touched_at: dict[bytes, float] = {}
        """When somebody used each list last. The reads of sources do not count: they send CLIENT NO-TOUCH."""
        self.clients: Callable[[], Sequence[Client]] = tuple
        self.shown: set[bytes] = set()
        """Entries of lists that lay there when somebody asked how many there are."""
        self.unknown: set[str] = set()
        """Commands that were asked for and are not known."""

    def answer(self, words: Words) -> Reply:
        """The reply to one command."""
        name = words[0].upper().decode()
        known = getattr(self, f"_{name.lower()}", None)
        if known is None:
            self.unknown.add(" ".join(word.decode() for word in words[:2]))
            return ReplyError(f"ERR unknown command '{name}'")
        reply: Reply = known(*words[1:])
        return reply

    def _info(self, section: bytes) -> Reply:
        if section == b"clients":
            return f"# Clients\r\nconnected_clients:{len(self.clients())}\r\n".encode()
        return b"# Server\r\nredis_version:7.4.0\r\nrun_id:one\r\n"

    def _llen(self, key: bytes) -> Reply:
        entries = self.lists.get(key, ())
        self.shown.update(entries)
        return len(entries)

    def _lindex(self, key: bytes, place: bytes) -> Reply:
        entries = self.lists.get(key)
        return entries[int(place)] if entries else None

    def _lrange(self, key: bytes, first: bytes, last: bytes) -> Reply:
        entries, end = self.lists.get(key, []), int(last) + 1
        return list(entries[int(first) : end if end else None])

    def touch(self, key: str) -> None:
        """A command such as LMOVE or LREM uses a list."""
        self.touched_at[key.encode()] = self.now()

    def _object(self, _idletime: bytes, key: bytes) -> Reply:
        """OBJECT IDLETIME: the difference of two readings of a clock of whole seconds."""
        return int(self.now()) - int(self.touched_at[key]) if self.lists.get(key) else None

    def _xlen(self, key: bytes) -> Reply:
        return len(self.streams[key].entries)

    def _xinfo(self, what: bytes, key: bytes, *_: bytes) -> Reply:
        stream = self.streams[key]
        if what.upper() == b"CONSUMERS":
            return [self._consumer(stream, name, heard) for name, heard in sorted(stream.consumers.items())]
        return [
            [
                *(b"name", b"workers", b"consumers", len(stream.consumers), b"pending", len(stream.pending)),
                *(b"last-delivered-id", _id(self._last_delivered(stream))),
                *(b"entries-read", stream.delivered, b"lag", len(stream.entries) - stream.delivered),
            ]
        ]

    def _consumer(self, stream: Stream, name: str, heard: float) -> Reply:
        idle = int(1000 * (self.now() - heard))
        pending = sum(each.consumer == name for each in stream.pending.values())
        return [b"name", name.encode(), b"pending", pending, b"idle", idle, b"inactive", idle]

    @staticmethod
    def _last_delivered(stream: Stream) -> tuple[int, int]:
        return stream.entries[stream.delivered - 1] if stream.delivered else (0, 0)

    def _xpending(self, key: bytes, _group: bytes, *words: bytes) -> Reply:
        pending = self.streams[key].pending
        if words:
            return self._pending_entries(key, words)
        if not pending:
            return [0, None, None, None]
        ids = sorted(pending)
        names: dict[str, int] = {}
        for each in pending.values():
            names[each.consumer] = names.get(each.consumer, 0) + 1
        counts: list[Reply] = [[name.encode(), str(number).encode()] for name, number in names.items()]
        return [len(ids), _id(ids[0]), _id(ids[-1]), counts]

    def _pending_entries(self, key: bytes, words: Words) -> Reply:
        """XPENDING with [IDLE milliseconds] first last count [consumer]."""
        least = 0.0
        if words[0].upper() == b"IDLE":
            least, words = int(words[1]) / 1000, words[2:]
        first, last, count, *consumer = words
        found: list[Reply] = []
        for each, pending in sorted(self.streams[key].pending.items()):
            idle = self.now() - pending.delivered_at
            is_asked = not consumer or pending.consumer == consumer[0].decode()
            if _from(first) <= each <= _to(last) and idle >= least and is_asked:
                name = pending.consumer.encode()
                found.append([_id(each), name, int(1000 * idle), pending.deliveries])
        return found[: int(count)]

    def _xrange(self, key: bytes, first: bytes, last: bytes, *count: bytes) -> Reply:
        most = int(count[1]) if count else LAST
        found: list[Reply] = []
        for each in self._undelivered_first(self.streams[key], _from(first)):
            if len(found) >= most or each > _to(last):
                break
            found.append([_id(each), [b"n", b"1"]])
        return found

    @staticmethod
    def _undelivered_first(stream: Stream, first: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Most questions begin after what was delivered, so that is not searched."""
        skipped = stream.delivered
        if skipped and stream.entries[skipped - 1] >= first:
            skipped = 0
        return (each for each in stream.entries[skipped:] if each >= first)

    def _type(self, key: bytes) -> Reply:
        return b"list" if key in self.lists else b"stream" if key in self.streams else b"none"

    def _client(self, *words: bytes) -> Reply:
        if words[0].upper() != b"LIST":
            return b"OK"
        now = self.now()
        lines = (
            f"id={each.number} addr=10.0.0.1:{each.number} age={int(now - each.connected_at)} "
            f"idle={int(now - each.asked_at)} flags=N db=0 cmd={each.command} user=default\n"
            for each in self.clients()
        )
        return "".join(lines).encode()


class MemoryWire:
    """Answers a batch of packed commands as a connection to that server does."""

    def __init__(self, server: MemoryRedis) -> None:
        self._server = server

    async def exchange(self, request: bytes, replies: int, *, kept_bulk_bytes: int = 0) -> list[Reply]:
        """One reply for each command; those of a transaction come with EXEC."""
        found: list[Reply] = []
        queued: list[Words] | None = None
        for words in _commands(request):
            name = words[0].upper()
            if name == b"MULTI":
                queued = []
                found.append(b"OK")
            elif name == b"EXEC":
                found.append([self._server.answer(each) for each in queued or ()])
                queued = None
            elif queued is not None:
                queued.append(words)
                found.append(b"QUEUED")
            else:
                found.append(self._server.answer(words))
        assert len(found) == replies
        return found

    def close(self) -> None:
        """There is nothing to close."""


@lru_cache(maxsize=256)
def _commands(request: bytes) -> tuple[Words, ...]:
    """Commands are arrays of strings, which a reader of replies understands too."""
    reader = Reader()
    reader.feed(request)
    found = []
    while (words := reader.gets()) is not False:
        found.append(tuple(words))
    return tuple(found)


def _id(entry: tuple[int, int]) -> bytes:
    return f"{entry[0]}-{entry[1]}".encode()


def _from(text: bytes) -> tuple[int, int]:
    return (0, 0) if text == b"-" else _parsed(text, 0)


def _to(text: bytes) -> tuple[int, int]:
    return (LAST, LAST) if text == b"+" else _parsed(text, LAST)


def _parsed(text: bytes, missing: int) -> tuple[int, int]:
    """An id; `(` before it leaves it out."""
    milliseconds, _, sequence = text.lstrip(b"(").partition(b"-")
    at = int(milliseconds), int(sequence) if sequence else missing
    return (at[0], at[1] + 1) if text.startswith(b"(") else at
