"""Sentences about servers that can't be reached, where a test on this machine can't bring the cause about."""

import errno
import socket
import ssl

import pytest

from poolkeeper.sources.redis.diagnosis import unconnected, unresolved, untrusted

NO_NAME = socket.gaierror(socket.EAI_NONAME, "")
NO_ANSWER = socket.gaierror(socket.EAI_AGAIN, "")
CORRECT_IT = "; correct it in the pool's demand"
BESIDE_THE_OPERATOR = "is looked up beside the operator, so write redis.NAMESPACE.svc"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (9, "correct the clocks, or renew it"),
        (10, "renew it"),
        (18, "name the CA that signed it under tls.caSecret"),
        (62, "name what it is issued for under tls.serverName"),
        (64, "name what it is issued for under tls.serverName"),
    ],
)
def test_a_certificate_that_is_not_trusted(code: int, remedy: str) -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = code, "as OpenSSL says"
    failure = untrusted(error)
    assert failure.reason == "TlsUntrusted"
    assert failure.message == f"the server's certificate is not trusted (as OpenSSL says); {remedy}"


@pytest.mark.parametrize(
    ("number", "reason", "text"),
    [
        (errno.ECONNREFUSED, "ConnectionRefused", "the connection was refused: nothing listens on this port"),
        (errno.EHOSTUNREACH, "ConnectionFailed", "the address can't be reached: No route to host"),
        (errno.ENETUNREACH, "ConnectionFailed", "the address can't be reached: Network is unreachable"),
        (None, "ConnectionFailed", "the address can't be reached: the connection failed"),
    ],
)
def test_an_address_that_can_not_be_reached(number: int | None, reason: str, text: str) -> None:
    failure = unconnected(OSError(number, "") if number else None)
    assert (failure.reason, failure.message[: len(text)]) == (reason, text)


@pytest.mark.parametrize(
    ("host", "error", "start", "end"),
    [
        ("redis.shop.svc", NO_NAME, "the name 'redis.shop.svc' does not exist in DNS", CORRECT_IT),
        ("redis", NO_NAME, "the name 'redis' does not exist in DNS", BESIDE_THE_OPERATOR),
        ("redis.shop.svc", NO_ANSWER, "DNS gives no answer about the name 'redis.shop.svc'", CORRECT_IT),
        ("redis", NO_ANSWER, "DNS gives no answer about the name 'redis'", BESIDE_THE_OPERATOR),
        ("redis", TimeoutError(), "DNS gives no answer about the name 'redis'", BESIDE_THE_OPERATOR),
    ],
)
def test_a_name_without_an_address(host: str, error: OSError, start: str, end: str) -> None:
    failure = unresolved(host, error)
    assert failure.reason == "NameNotFound"
    assert failure.message.startswith(start)
    assert failure.message.endswith(end)
