"""Where bodies end: chunks, lengths and closed connections, however the bytes are cut into packets."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.activator.http1.framing import (
    Body,
    ChunkedBody,
    PlainBody,
    chunk,
    last_chunk,
    of_request,
    of_response,
)
from poolkeeper.activator.http1.messages import NotHttp, parse_response


def read(body: Body, *packets: bytes) -> tuple[bytes, bytes]:
    """The content of a body that comes in these packets, and what lies behind it."""
    received, content = bytearray(), b""
    for packet in packets:
        received += packet
        if not body.is_complete:
            content += body.take(received)
    return content, bytes(received)


@pytest.mark.parametrize(
    ("data", "content", "trailers"),
    [
        (b"0\r\n\r\n", b"", []),
        (b"2\r\nok\r\n0\r\n\r\n", b"ok", []),
        (b"0002 ;a=b\r\nok\r\n00;x\r\n\r\n", b"ok", []),
        (b"A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", b"0123456789x", []),
        (b"1\r\nx\r\n0\r\nA: b \r\nC:\r\n\r\n", b"x", [(b"A", b"b"), (b"C", b"")]),
    ],
)
def test_chunks(data: bytes, content: bytes, trailers: list[tuple[bytes, bytes]]) -> None:
    body = ChunkedBody()
    assert read(body, data + b"GET /next") == (content, b"GET /next")
    assert (body.is_complete, body.trailers) == (True, trailers)


@pytest.mark.parametrize(
    "data",
    [
        b"-1\r\nx",
        b"0x5\r\nhello",
        b"+5\r\nhello",
        b" 5\r\nhello",
        b"\r\n",
        b"5\nhello",
        b"5\r\r\nhello",
        b"5;a\0b\r\nhello",
        b"5;a\rb\r\nhello",
        b"fffffffffffffffff\r\n",
        b"2\r\nokay\r\n",
        b"2\r\nok\n0\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"0\r\nA: b\n\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\n\n",
        b"5;" + b"x" * 5000,
        b"0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"0\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"0\r\nA:" + b" " * 5000,
    ],
)
def test_chunks_that_two_servers_could_read_differently(data: bytes) -> None:
    with pytest.raises(NotHttp):
        read(ChunkedBody(), data)


def test_a_trailer_of_white_space_takes_no_time() -> None:
    body, line = ChunkedBody(), bytearray(b"0\r\nA:" + b" " * 4000)
    began = time.process_time()
    assert body.take(line) == b""
    assert time.process_time() - began < 0.5
    line += b"b\t \r\n\r\n"
    assert body.take(line) == b""
    assert (body.is_complete, body.trailers) == (True, [(b"A", b"b")])


CONTENTS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(contents=CONTENTS, cuts=st.lists(st.integers(0, 300), max_size=12), behind=st.binary(max_size=8))
def test_packets_may_be_cut_anywhere(contents: list[bytes], cuts: list[int], behind: bytes) -> None:
    data = b"".join(map(chunk, contents)) + last_chunk([(b"A", b"b")]) + behind
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    body = ChunkedBody()
    found = read(body, *(data[start:end] for start, end in pairwise(edges)))
    assert found == (b"".join(contents), behind)
    assert (body.is_complete, body.trailers) == (True, [(b"A", b"b")])


def test_a_length_and_what_lies_behind_it() -> None:
    body = PlainBody(5)
    assert read(body, b"he", b"llo, GET /next") == (b"hello", b", GET /next")
    assert body.is_complete
    assert PlainBody(0).is_complete


@pytest.mark.parametrize("body", [PlainBody(5), ChunkedBody()])
def test_a_body_that_breaks_off_is_not_whole(body: Body) -> None:
    read(body, b"2")
    with pytest.raises(ConnectionResetError):
        body.closed()


def test_without_a_length_the_end_of_the_connection_is_the_end_of_the_body() -> None:
    body = PlainBody(None)
    assert read(body, b"hel", b"lo") == (b"hello", b"")
    assert not body.is_complete
    body.closed()
    assert body.is_complete


@pytest.mark.parametrize(
    ("head", "to_head", "is_complete", "kind"),
    [
        (b"200 OK\r\nContent-Length: 5", False, False, PlainBody),
        (b"200 OK\r\nContent-Length: 0", False, True, PlainBody),
        (b"200 OK\r\nContent-Length: 5", True, True, PlainBody),
        (b"200 OK\r\nTransfer-Encoding: chunked", False, False, ChunkedBody),
        (b"200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5", False, False, ChunkedBody),
        (b"200 OK\r\nTransfer-Encoding: chunked", True, True, PlainBody),
        (b"204 No Content", False, True, PlainBody),
        (b"304 Not Modified\r\nContent-Length: 5", False, True, PlainBody),
        (b"200 OK\r\nA: b", False, False, PlainBody),
    ],
)
def test_the_body_of_a_response(head: bytes, to_head: bool, is_complete: bool, kind: type) -> None:
    body = of_response(parse_response(b"HTTP/1.1 " + head + b"\r\n\r\n"), to_head=to_head)
    assert (type(body), body.is_complete) == (kind, is_complete)


def test_the_body_of_a_request() -> None:
    assert of_request({}).is_complete
    assert not of_request({"content-length": "5"}).is_complete
    assert isinstance(of_request({"transfer-encoding": "chunked"}), ChunkedBody)
