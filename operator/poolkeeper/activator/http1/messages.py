"""Heads of HTTP/1 messages, read by llhttp (the parser of Node.js) in its strict mode.

llhttp gets exactly one head at a time. It refuses what two servers could read differently: both lengths, two
lengths, a coding after `chunked`, a bare line feed, white space before a colon, folded lines. Bodies are read
by `framing`, because httptools does not say where a body ends, nor knows which answers have none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httptools

Header = tuple[bytes, bytes]

_END_OF_HEAD = re.compile(rb"\n\r?\n")
"""A head that ends with a bare line feed is found as well, so that llhttp refuses it at once."""
_LONGEST_END = 3
_VERSIONS = ("1.0", "1.1")
_MOST_LENGTH_DIGITS = 20
"""Of the largest 64-bit number. llhttp takes any number of leading zeros, Python's `int` does not."""


class NotHttp(Exception):
    """What came is not HTTP/1, or could be read in two ways."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a request's and a response's head have in common."""

    fields: tuple[Header, ...]
    """All header lines in order, names in the case in which they came."""
    values: Mapping[str, str]
    """Header values by lower-case name; repeated ones are joined by commas."""


@dataclass(frozen=True, slots=True)
class RequestHead(Head):
    """The head of a request."""

    method: bytes
    """In upper case."""
    target: bytes
    """As it came: a path, a whole URL or `*`."""
    is_http_1_1: bool
    """False for HTTP/1.0."""


@dataclass(frozen=True, slots=True)
class ResponseHead(Head):
    """The head of a response."""

    status: int
    """From 100 to 999."""
    reason: bytes
    """The text behind the status; may be empty."""


def end_of_head(received: bytes | bytearray, searched: int) -> int | None:
    """How many bytes the head has; None while it is incomplete. The first `searched` bytes have no end."""
    found = _END_OF_HEAD.search(received, max(0, searched - _LONGEST_END))
    return found.end() if found else None


def check_beginning(received: bytes | bytearray) -> None:
    """Raise NotHttp where the first byte already shows that no request begins here, such as with TLS."""
    if received and received[0] <= 0x20:
        raise NotHttp("It begins with a control character")


def parse_request(data: bytes) -> RequestHead:
    """A whole request head; raises NotHttp."""
    check_beginning(data)
    lines = _Lines()
    parser = httptools.HttpRequestParser(lines)
    version = _feed(parser, lines, data)
    if b" HTTP/" not in data.partition(b"\r\n")[0]:
        raise NotHttp("Another protocol than HTTP")  # llhttp reads RTSP and ICE as well
    return RequestHead(*lines.parsed(), parser.get_method(), lines.target, version == "1.1")


def parse_response(data: bytes) -> ResponseHead:
    """A whole response head; raises NotHttp.

    A response with both lengths is accepted: the coding decides, and the length is not passed on (RFC 9112
    §6.3). The connection to the replica carries one response only, so nothing can be smuggled behind it.
    """
    lines = _Lines()
    parser = httptools.HttpResponseParser(lines)
    parser.set_dangerous_leniencies(lenient_chunked_length=True)
    _feed(parser, lines, data)
    status = parser.get_status_code()
    if status < 100:
        raise NotHttp("Invalid status code")
    return ResponseHead(*lines.parsed(), status, lines.reason)


class _Lines:
    """What llhttp calls back with."""

    __slots__ = ("fields", "is_complete", "reason", "target")

    def __init__(self) -> None:
        self.target = self.reason = b""
        self.fields: list[Header] = []
        self.is_complete = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_status(self, part: bytes) -> None:
        self.reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.is_complete = True

    def parsed(self) -> tuple[tuple[Header, ...], dict[str, str]]:
        """The fields of a `Head`; raises NotHttp."""
        joined: dict[str, str] = {}
        for name, value in self.fields:
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            joined[key] = f"{joined[key]}, {text}" if key in joined else text
        if len(joined.get("content-length", "")) > _MOST_LENGTH_DIGITS:
            raise NotHttp("Content-Length overflow")
        return tuple(self.fields), joined


def _feed(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser, lines: _Lines, data: bytes
) -> str:
    """The version; whether another protocol may follow (HttpParserUpgrade) is the exchange's concern."""
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise NotHttp(str(error)) from None
    version: str = parser.get_http_version()
    if not lines.is_complete or version not in _VERSIONS:
        raise NotHttp("Neither HTTP/1.1 nor HTTP/1.0")
    return version
