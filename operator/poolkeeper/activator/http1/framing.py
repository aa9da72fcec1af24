"""Where the body of an HTTP/1 message ends, and what of its bytes is content (RFC 9112 §6 and §7.1)."""

import re
from collections.abc import Mapping, Sequence

from poolkeeper.activator.http1.messages import Header, NotHttp, ResponseHead

_MOST_LINE_BYTES = 4096
_MOST_TRAILER_BYTES = 16 * 1024
_BYTES_PER_TRAILER = 128
"""What the objects of one trailer take up, counted on top of its line."""
# At most 15 digits: beyond them a size means nothing, and some servers would cut it off silently.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
# White space around the value is stripped afterwards: three parts that match it would take cubic time.
_TRAILER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r\n")
BODILESS = (204, 304)


class PlainBody:
    """A body without chunks: of so many bytes, or (without a length) all until the connection is closed."""

    trailers: Sequence[Header] = ()
    """Header lines behind the body: here there are none."""
    trailer_bytes = 0
    """What the trailers take up in memory."""

    def __init__(self, length: int | None) -> None:
        self._left = length
        self.is_complete = length == 0

    def take(self, received: bytearray) -> bytes:
        """Take what belongs to the body out of `received`; returns its content."""
        content = bytes(received[: self._left])
        del received[: len(content)]
        if self._left is not None:
            self._left -= len(content)
            self.is_complete = not self._left
        return content

    def closed(self) -> None:
        """The sender has closed its connection; raises ConnectionResetError where bytes are missing."""
        if self._left:
            raise ConnectionResetError("the connection was closed within a body")
        self.is_complete = True


class ChunkedBody:
    """A body in chunks, each with its size in front; the last one has size 0."""

    def __init__(self) -> None:
        self.is_complete = False
        self.trailers: list[Header] = []
        """Header lines behind the last chunk."""
        self.trailer_bytes = 0
        """What the trailers take up in memory."""
        self._left = 0
        self._is_in_chunk = self._is_in_trailers = False

    def take(self, received: bytearray) -> bytes:
        """Take what belongs to the body out of `received`; returns its content, joined. Raises NotHttp.

        A million chunks of one byte become one object.
        """
        content = bytearray()
        while not self.is_complete and self._step(received, content):
            pass
        return bytes(content)

    def closed(self) -> None:
        """The sender has closed its connection; raises ConnectionResetError without a last chunk."""
        if not self.is_complete:
            raise ConnectionResetError("the connection was closed within a chunked body")

    def _step(self, received: bytearray, content: bytearray) -> bool:
        """Take the next part; False if it is not here yet."""
        if self._left:
            part = received[: self._left]
            del received[: len(part)]
            content += part
            self._left -= len(part)
            return bool(part)
        if self._is_in_chunk:
            return self._end_chunk(received)
        return self._read_trailer(received) if self._is_in_trailers else self._begin_chunk(received)

    def _begin_chunk(self, received: bytearray) -> bool:
        size = _CHUNK_SIZE.match(received)
        if size is None:
            return _wait_for_line(received, "Invalid chunk size")
        self._left = int(size[1], 16)
        self._is_in_chunk = self._left > 0
        self._is_in_trailers = not self._left
        del received[: size.end()]
        return True

    def _end_chunk(self, received: bytearray) -> bool:
        if len(received) < 2:
            return False
        if received[:2] != b"\r\n":
            raise NotHttp("A chunk is longer than its size")
        del received[:2]
        self._is_in_chunk = False
        return True

    def _read_trailer(self, received: bytearray) -> bool:
        if received[:2] == b"\r\n":
            del received[:2]
            self.is_complete = True
            return True
        trailer = _TRAILER.match(received)
        if trailer is None:
            return _wait_for_line(received, "Invalid trailer")
        self.trailer_bytes += trailer.end() + _BYTES_PER_TRAILER
        if self.trailer_bytes > _MOST_TRAILER_BYTES:
            raise NotHttp("Trailers are too large")
        self.trailers.append((trailer[1], trailer[2].strip(b" \t")))
        del received[: trailer.end()]
        return True


Body = PlainBody | ChunkedBody


def of_request(values: Mapping[str, str]) -> Body:
    """The body behind a request's head: chunked, of a length, or none. llhttp has checked both headers."""
    if "transfer-encoding" in values:
        return ChunkedBody()
    return PlainBody(int(values.get("content-length", "0")))


def of_response(response: ResponseHead, *, to_head: bool) -> Body:
    """The body behind a response's head; raises NotHttp. `to_head`: the request's method was HEAD."""
    if to_head or response.status in BODILESS:
        return PlainBody(0)
    if "transfer-encoding" in response.values:
        if response.values["transfer-encoding"].lower() != "chunked":
            raise NotHttp("A Transfer-Encoding other than chunked")
        return ChunkedBody()
    length = response.values.get("content-length")
    return PlainBody(None if length is None else int(length))


def chunk(content: bytes) -> bytes:
    """One chunk; content is not empty, since an empty chunk would be the last one."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def last_chunk(trailers: Sequence[Header]) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % lines(trailers)


def lines(fields: Sequence[Header]) -> bytes:
    """Header lines as bytes."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def _wait_for_line(received: bytearray, fault: str) -> bool:
    """False while a line may still become valid; raises NotHttp where it can't any more."""
    if b"\n" in received or len(received) > _MOST_LINE_BYTES:
        raise NotHttp(fault)
    return False
