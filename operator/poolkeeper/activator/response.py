"""Reads a replica's response: as strict as h11, by which tests measure it, at a fraction of the work.

h11 keeps account of both sides of a connection for any number of exchanges. Here one response comes to one
request, and whatever of it is passed on is checked once more when it is written to the client.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import h11

Header = tuple[bytes, bytes]

MOST_HEAD_BYTES = 256 * 1024
_MOST_LENGTH_DIGITS = 20
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([0-9]{3})(?: ((?:[ \t]|[^\x00\s])*))?")
_FIELD = re.compile(rb"([-!#$%&'*+.^_`|~0-9a-zA-Z]+):[ \t]*((?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;.*)?[ \t]*")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_NO_BODY = frozenset((204, 304))


class ResponseHead(NamedTuple):
    """A status and what comes with it, names as they came; below 200 another one follows."""

    status: int
    reason: bytes
    headers: list[Header]

    def values(self, name: bytes) -> list[bytes]:
        """All values of a field, by its lower-case name."""
        return [value for key, value in self.headers if key.lower() == name]


class ResponseEnd(NamedTuple):
    """The response is complete."""

    trailers: list[Header]


Event = ResponseHead | bytes | ResponseEnd


class ResponseReader:
    """One response, from bytes to events; raises RemoteProtocolError where it is none."""

    def __init__(self, *, has_no_body: bool = False, may_switch: bool = False) -> None:
        self._has_no_body = has_no_body
        self._may_switch = may_switch
        self._buffer = bytearray()
        self._searched = 0
        self._has_ended = False
        self._left = 0
        self._awaits_footer = False
        self._step: Callable[[], Event | None] = self._head

    def feed(self, data: bytes) -> None:
        """What has come from the replica; nothing at its end."""
        self._buffer += data
        self._has_ended = not data

    def next(self) -> Event | None:
        """A head, a part of the body, or the end; None where more must come first."""
        event = self._step()
        if event is None and self._has_ended:
            raise h11.RemoteProtocolError("the replica closed the connection before its response ended")
        if event is None and len(self._buffer) > MOST_HEAD_BYTES:
            raise h11.RemoteProtocolError("a head, a chunk's length or a trailer is too long")
        return event

    @property
    def rest(self) -> bytes:
        """What has come and was not read: after a switch, the other protocol."""
        return bytes(self._buffer)

    def _head(self) -> ResponseHead | None:
        lines = self._lines()
        if lines is None:
            if self._buffer and self._buffer[0] < 0x21:
                raise h11.RemoteProtocolError("the response begins with no status line")
            return None
        status_line = _STATUS_LINE.fullmatch(lines[0]) if lines else None
        if status_line is None:
            raise h11.RemoteProtocolError("the response begins with no status line")
        head = ResponseHead(int(status_line[1]), status_line[2] or b"", _fields(lines[1:]))
        length, is_chunked = _length(head), _is_chunked(head)
        if head.status == 101:
            if not self._may_switch:
                raise h11.RemoteProtocolError("the replica switches to a protocol that nobody asked for")
            self._step = self._nothing
        elif head.status >= 200:
            self._begin_body(head.status, length, is_chunked=is_chunked)
        return head

    def _begin_body(self, status: int, length: int | None, *, is_chunked: bool) -> None:
        if self._has_no_body or status in _NO_BODY:
            length, is_chunked = 0, False
        if is_chunked:
            self._step = self._chunks
        elif length is None:
            self._step = self._until_end
        else:
            self._left, self._step = length, self._sized

    def _nothing(self) -> None:
        return None

    def _sized(self) -> bytes | ResponseEnd | None:
        if not self._left:
            return ResponseEnd([])
        return self._take_left() or None

    def _until_end(self) -> bytes | ResponseEnd | None:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data or (ResponseEnd([]) if self._has_ended else None)

    def _chunks(self) -> bytes | ResponseEnd | None:
        """What is here of any number of chunks, as one part: where one ends means nothing."""
        data = bytearray()
        while self._left or self._begins_chunk():
            data += self._take_left()
            if self._left:
                break
            self._awaits_footer = True
        return bytes(data) or self._step_after_chunks()

    def _step_after_chunks(self) -> ResponseEnd | None:
        return self._trailers() if self._step == self._trailers else None

    def _begins_chunk(self) -> bool:
        if self._awaits_footer:
            if not b"\r\n".startswith(self._buffer[:2]):
                raise h11.RemoteProtocolError("a chunk is longer than it says")
            if len(self._buffer) < 2:
                return False
            del self._buffer[:2]
            self._awaits_footer = False
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = _CHUNK.fullmatch(self._buffer, 0, end)
        if line is None:
            raise h11.RemoteProtocolError("a chunk says no length")
        self._left = int(line[1], 16)
        del line
        del self._buffer[: end + 2]
        if not self._left:
            self._step = self._trailers
        return self._left > 0

    def _trailers(self) -> ResponseEnd | None:
        lines = self._lines()
        return None if lines is None else ResponseEnd(_fields(lines))

    def _take_left(self) -> bytes:
        data = bytes(self._buffer[: self._left])
        del self._buffer[: len(data)]
        self._left -= len(data)
        return data

    def _lines(self) -> list[bytes] | None:
        """The lines before a blank one, which is taken too."""
        for blank in (b"\n", b"\r\n"):
            if self._buffer.startswith(blank):
                del self._buffer[: len(blank)]
                return []
        found = _BLANK_LINE.search(self._buffer, self._searched)
        if found is None:
            self._searched = max(0, len(self._buffer) - 2)
            return None
        begin, end = found.span()
        del found  # it would keep the buffer from being shortened
        self._searched = 0
        text = bytes(self._buffer[:begin])
        del self._buffer[:end]
        return [line.removesuffix(b"\r") for line in text.split(b"\n")]


def _fields(lines: Sequence[bytes]) -> list[Header]:
    fields = [_FIELD.fullmatch(line) for line in lines]
    if None in fields:
        fields = [_FIELD.fullmatch(line) for line in _unfolded(lines)]
    found = [(field[1], field[2]) for field in fields if field is not None]
    if len(found) < len(fields):
        raise h11.RemoteProtocolError("a line of the head is no field")
    return found


def _unfolded(lines: Sequence[bytes]) -> list[bytes]:
    """Lines that begin with a blank go on with the one before (RFC 9112 §5.2)."""
    folds: list[list[bytes]] = []
    for line in lines:
        if folds and line.startswith((b" ", b"\t")):
            folds[-1].append(line.lstrip(b" \t"))
        else:
            folds.append([line])
    return [b" ".join(parts) for parts in folds]


def _length(head: ResponseHead) -> int | None:
    """Raises where it is said in two ways (RFC 9112 §6.3)."""
    said = {each.strip() for value in head.values(b"content-length") for each in value.split(b",")}
    if not said:
        return None
    length = said.pop()
    if said or not length.isdigit() or len(length) > _MOST_LENGTH_DIGITS:
        raise h11.RemoteProtocolError("the response's length is said in no or in two ways")
    return int(length)


def _is_chunked(head: ResponseHead) -> bool:
    codings = head.values(b"transfer-encoding")
    if codings and [each.lower() for each in codings] != [b"chunked"]:
        raise h11.RemoteProtocolError("the response's transfer coding is unknown")
    return bool(codings)
