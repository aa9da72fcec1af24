"""Reads replies from a Redis server that may be hostile: no claimed length is allocated, and little is kept.

hiredis' Reader allocates an array of the length that the server claims: `*1000000000` (13 bytes) takes 8 GB.
Only the types of RESP2 that our commands are answered with are known; a push of RESP3 is no reply.
"""

from hashlib import blake2b
from typing import Any, ClassVar, TypeAlias

from hiredis import ReplyError

from poolkeeper.sources.base import ReplyTooLarge, SourceFailure

Reply: TypeAlias = "bytes | int | ReplyError | list[Reply] | None"

INCOMPLETE = object()
"""Returned while the rest of a reply has not arrived."""
MAX_BULK_BYTES = 64 * 1024 * 1024
KEPT_BULK_BYTES = 4 * 1024
"""A longer string is replaced by its digest while it arrives: a job's body is compared, never read."""
MAX_KEPT_BYTES = 8 * 1024 * 1024
"""Memory for the replies of one batch, for example for 1,000 lists with entries of 4 KiB at both ends."""
MAX_KEPT_BYTES_OF_ALL = 64 * 1024 * 1024
"""Memory for the batches of all servers together; a batch within FREE_BYTES is read in any case."""
FREE_BYTES = 64 * 1024

_ELEMENT_BYTES = 100
"""What an element of an array takes in CPython, rounded up: a pointer and a small object."""
_MAX_DEPTH = 4
"""XRANGE answers with entries, which hold an id and fields: 3 levels."""
_MAX_LINE_BYTES = 64 * 1024
_MAX_ERROR_BYTES = 1024
_MAX_DIGITS = 19
"""Digits of the largest number of 64 bits."""


class ReplyReader:
    """Takes bytes in as they arrive and gives replies out; errors are values, as the caller looks at them."""

    _kept_by_all: ClassVar[int] = 0

    def __init__(self) -> None:
        self.kept_bulk_bytes = KEPT_BULK_BYTES
        """A longer string is replaced by its digest."""
        self._buffer = bytearray()
        self._at = 0
        self._open: list[tuple[list[Reply], int]] = []
        self._bulk: _Bulk | None = None
        self._kept = 0

    def feed(self, data: bytes) -> None:
        """Take in what has arrived."""
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def release(self) -> None:
        """The batch has ended: its replies no longer count."""
        ReplyReader._kept_by_all -= self._kept
        self._kept = 0

    def gets(self) -> Any:
        """The next Reply, or INCOMPLETE. Raises ReplyTooLarge, or SourceFailure for what is no reply."""
        while (value := self._value()) is not INCOMPLETE:
            if isinstance(value, _Array):
                self._open.append(([], value.length))
                continue
            while self._open:
                elements, length = self._open[-1]
                elements.append(value)
                if len(elements) < length:
                    break
                self._open.pop()
                value = elements
            else:
                return value
        return INCOMPLETE

    def _value(self) -> Any:
        """A value, the head of an array, or INCOMPLETE."""
        if self._bulk is not None:
            return self._content(self._bulk)
        end = self._buffer.find(b"\r\n", self._at)
        if self._at < len(self._buffer) and self._buffer[self._at] not in b"+-:$*":
            raise not_redis()
        if end < 0:
            if len(self._buffer) - self._at > _MAX_LINE_BYTES:
                raise not_redis()
            return INCOMPLETE
        kind, line = self._buffer[self._at], bytes(self._buffer[self._at + 1 : end])
        self._at = end + 2
        return self._meaning(chr(kind), line)

    def _meaning(self, kind: str, line: bytes) -> Any:
        if kind == ":":
            return _number(line)
        if kind == "-":
            return ReplyError(line[:_MAX_ERROR_BYTES].decode("utf-8", "replace"))
        if kind == "+":
            self._keep(len(line))
            return line
        length = _number(line)
        if length == -1:
            return None
        if length < 0:
            raise not_redis()
        if kind == "$":
            if length > MAX_BULK_BYTES:
                raise too_large()
            self._bulk = _Bulk(length, is_kept=length <= self.kept_bulk_bytes)
            return self._content(self._bulk)
        return self._array(length)

    def _array(self, length: int) -> "Reply | _Array":
        if len(self._open) == _MAX_DEPTH:
            raise not_redis()
        self._keep(length * _ELEMENT_BYTES)
        return _Array(length) if length else []

    def _content(self, bulk: "_Bulk") -> Any:
        """The string whose length was read; a long one is digested piece by piece."""
        available = len(self._buffer) - self._at
        if bulk.digest is None and available < bulk.left + 2:
            return INCOMPLETE
        piece = bytes(self._buffer[self._at : self._at + min(bulk.left, available)])
        self._at += len(piece)
        bulk.left -= len(piece)
        if bulk.digest is not None:
            bulk.digest.update(piece)
            piece = b"" if bulk.left else Digest(bulk.digest.digest())
        if bulk.left or len(self._buffer) - self._at < 2:
            return INCOMPLETE
        if self._buffer[self._at : self._at + 2] != b"\r\n":
            raise not_redis()
        self._at += 2
        self._bulk = None
        self._keep(len(piece))
        return piece

    def _keep(self, size: int) -> None:
        kept_by_all = ReplyReader._kept_by_all + size
        self._kept += size
        ReplyReader._kept_by_all = kept_by_all
        if self._kept > MAX_KEPT_BYTES or (self._kept > FREE_BYTES and kept_by_all > MAX_KEPT_BYTES_OF_ALL):
            raise too_large()


class Digest(bytes):
    """Stands for a string that was too long to be kept."""


class _Array:
    """The head of an array that is not empty."""

    def __init__(self, length: int) -> None:
        self.length = length


class _Bulk:
    """A string of which `left` bytes have not arrived."""

    def __init__(self, length: int, *, is_kept: bool) -> None:
        self.left = length
        self.digest = None if is_kept else blake2b(length.to_bytes(8, "big"))


def _number(line: bytes) -> int:
    digits = line.removeprefix(b"-")
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise not_redis()
    return int(line)


def not_redis() -> SourceFailure:
    """The failure of a server that answers with something else than the replies asked for."""
    return SourceFailure("NotRedis", "the server does not speak the Redis protocol; check the port")


def too_large() -> ReplyTooLarge:
    """The failure of a server that answers, or claims to answer, with more than is kept."""
    return ReplyTooLarge(
        "ReplyTooLarge",
        "the server sent more at once than a queue's state can take; check that the address and the key are "
        "those of a queue, and remove consumers and groups that are gone",
    )
