"""Heads are read in one way only, or refused."""

import pytest

from poolkeeper.activator.http1.messages import NotHttp, end_of_head, parse_request, parse_response


def test_a_request() -> None:
    head = parse_request(b"POST /a?b HTTP/1.1\r\nHost: chat\r\nX-A:  1 \t\r\nx-a: \xfc\r\n\r\n")
    assert (head.method, head.target, head.is_http_1_1) == (b"POST", b"/a?b", True)
    assert head.fields == ((b"Host", b"chat"), (b"X-A", b"1"), (b"x-a", b"\xfc"))
    assert head.values == {"host": "chat", "x-a": "1, ü"}


def test_the_body_of_a_request_that_offers_an_upgrade_is_not_lost() -> None:
    head = parse_request(
        b"POST / HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n"
    )
    assert head.values["content-length"] == "5"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.2\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / RTSP/1.0\r\n\r\n",
        b"SOURCE / ICE/1.0\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.1\r\nA: b\n\r\n",
        b"GET / HTTP/1.1\r\nA: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: a\rb\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"0" * 5000 + b"5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
    ],
)
def test_requests_that_are_refused(head: bytes) -> None:
    with pytest.raises(NotHttp):
        parse_request(head)


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200, b"OK"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", 404, b"Not Found"),
        (b"HTTP/1.1 200\r\n\r\n", 200, b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103, b"Early Hints"),
        (b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 101, b"S"),
    ],
)
def test_responses(head: bytes, status: int, reason: bytes) -> None:
    found = parse_response(head)
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"0" * 5000 + b"5\r\n\r\n",
    ],
)
def test_responses_that_are_not_passed_on(head: bytes) -> None:
    with pytest.raises(NotHttp):
        parse_response(head)


def test_the_end_of_a_head_is_found_also_across_packets() -> None:
    head = b"GET / HTTP/1.1\r\nA: b\r\n\r\n"
    for cut in range(len(head)):
        assert end_of_head(head[:cut], 0) is None
        assert end_of_head(head + b"body", cut) == len(head)
