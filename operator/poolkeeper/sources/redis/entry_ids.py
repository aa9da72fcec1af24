"""Ids of the entries of a stream: MILLISECONDS-SEQUENCE."""

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.redis.replies import Reply

_EARLIEST_MILLISECONDS = 10**12
"""September 2001: a smaller number in an id is not a time."""
_MAX_SEQUENCE = 2**64 - 1


def entry_id(entry: Reply) -> bytes:
    """The id of an entry as XRANGE and XPENDING list it. Raises SourceFailure."""
    if isinstance(entry, list) and entry and isinstance(entry[0], bytes):
        return entry[0]
    raise SourceFailure("ServerError", "The Redis server listed an entry of the stream without an id.")


def arrived_at(entry: Reply) -> float | None:
    """The instant in an entry's id; None where the producer counts instead of taking Redis' own ids."""
    milliseconds, _ = _split(entry_id(entry))
    return milliseconds / 1000 if milliseconds >= _EARLIEST_MILLISECONDS else None


def after(entry: bytes) -> str:
    """The smallest id after this one; the exclusive form `(id` is only known since Redis 6.2."""
    milliseconds, sequence = _split(entry)
    return f"{milliseconds + 1}-0" if sequence == _MAX_SEQUENCE else f"{milliseconds}-{sequence + 1}"


def sortable(entry: bytes) -> str:
    """The id as a text that sorts after those of all entries before it."""
    milliseconds, sequence = _split(entry)
    return f"{milliseconds:020}-{sequence:020}"


def _split(entry: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = entry.partition(b"-")
    return int(milliseconds), int(sequence or 0)
