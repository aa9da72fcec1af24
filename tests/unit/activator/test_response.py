"""A response is read as h11 reads it, however its bytes come; what h11 refuses is refused."""

import itertools
from collections.abc import Iterable, Sequence

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.activator.response import MOST_HEAD_BYTES, ResponseEnd, ResponseHead, ResponseReader

Read = tuple[list[object], bytes, bool]
"""Heads and trailers, the body, and whether the response was complete."""

HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 \r\nTransfer-Encoding: CHUNKED\r\nContent-Length: 3\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX: a\r\n b\r\n\t c\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\n",
    b"HTTP/1.1 200 OK\r\n folded: first\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX:\r\nY: \xff\xfe \r\n\r\n",
    b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"\x16\x03\x01",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
)
BODIES = (
    b"",
    b"hello",
    b"hello and more",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;ext=1 \r\nhello\r\n00\r\nX-Checksum: 1\r\n\r\n",
    b"5\r\nhello\r\nA\r\n0123456789\r\n0\n\n",
    b"2\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"\r\n5\r\nhello",
    b"g\r\nhello",
    b"5\r\nhello\r\n0\r\n folded\r\n\r\n",
)


def oracle(parts: Iterable[bytes], method: str, *, asks_to_switch: bool) -> Read:
    """What h11 makes of it."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    headers = [("Host", "chat")]
    headers += [("Connection", "Upgrade"), ("Upgrade", "websocket")] if asks_to_switch else []
    http.send(h11.Request(method=method, target="/", headers=headers))
    http.send(h11.EndOfMessage())
    seen: list[object] = []
    body = bytearray()
    try:
        for part in [*parts, b""]:
            http.receive_data(part)
            while (event := http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.InformationalResponse | h11.Response):
                    seen.append((event.status_code, event.reason))
                    if event.status_code == 101:
                        return seen, bytes(body), True
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    seen.append(event.headers.raw_items())
                    return seen, bytes(body), True
                else:
                    return seen, bytes(body), False
    except h11.ProtocolError:
        pass
    return seen, bytes(body), False


def ours(parts: Iterable[bytes], method: str, *, asks_to_switch: bool) -> Read:
    """What the reader makes of it."""
    reader = ResponseReader(has_no_body=method == "HEAD", may_switch=asks_to_switch)
    seen: list[object] = []
    body = bytearray()
    try:
        for part in [*parts, b""]:
            reader.feed(part)
            while (event := reader.next()) is not None:
                if isinstance(event, ResponseHead):
                    seen.append((event.status, event.reason))
                    if event.status == 101:
                        return seen, bytes(body), True
                elif isinstance(event, ResponseEnd):
                    seen.append(event.trailers)
                    return seen, bytes(body), True
                else:
                    body += event
    except h11.RemoteProtocolError:
        pass
    return seen, bytes(body), False


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The same bytes in several parts."""
    at = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(at) if begin < end]


def agree(parts: list[bytes], method: str, *, asks_to_switch: bool) -> None:
    theirs = oracle(parts, method, asks_to_switch=asks_to_switch)
    read = ours(parts, method, asks_to_switch=asks_to_switch)
    assert read[2] == theirs[2], parts
    if read[2]:
        assert read == theirs, parts
    else:
        # What had come in one piece with the fault need not be passed on any more: it is broken off anyway.
        assert theirs[1].startswith(read[1]), parts


ODD = (b"", b"\r", b"\n", b" ", b"\t", b":", b"\x00", b"1", b"f", b";", b",")
MUTATIONS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(ODD)), max_size=3)


@settings(max_examples=1500, deadline=None)
@given(
    head=st.sampled_from(HEADS),
    body=st.sampled_from(BODIES),
    mutations=MUTATIONS,
    places=st.lists(st.integers(0, 400), max_size=6),
    method=st.sampled_from(["GET", "HEAD"]),
    asks_to_switch=st.booleans(),
)
def test_it_reads_what_h11_reads(
    head: bytes,
    body: bytes,
    mutations: list[tuple[int, bytes]],
    places: list[int],
    method: str,
    asks_to_switch: bool,
) -> None:
    data = head + body
    for place, value in mutations:
        at = place % (len(data) + 1)
        data = data[:at] + value + data[at + 1 :]
    agree(cut(data, places), method, asks_to_switch=asks_to_switch)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", BODIES)
def test_it_does_so_byte_by_byte(head: bytes, body: bytes) -> None:
    data = head + body
    for method in ("GET", "HEAD"):
        agree([data[at : at + 1] for at in range(len(data))], method, asks_to_switch=True)


@pytest.mark.parametrize("begin", [b"X: ", b"Transfer-Encoding: chunked\r\n\r\n5;"])
def test_what_never_ends_is_refused(begin: bytes) -> None:
    reader = ResponseReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n" + begin)
    while reader.next() is not None:
        pass
    reader.feed(bytes(MOST_HEAD_BYTES))
    with pytest.raises(h11.RemoteProtocolError, match="too long"):
        reader.next()


def test_after_a_switch_the_rest_is_another_protocol() -> None:
    reader = ResponseReader(may_switch=True)
    reader.feed(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello")
    assert isinstance(reader.next(), ResponseHead)
    assert reader.next() is None
    assert reader.rest == b"\x81\x05hello"
