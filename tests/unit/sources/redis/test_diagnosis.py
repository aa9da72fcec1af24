"""Sentences about servers that can't be reached, where a test on this machine can't bring the cause about."""

import errno
import socket
import ssl

import pytest

from poolkeeper.sources.redis.diagnosis import unconnected, unresolved, untrusted


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
    ("host", "number", "text"),
    [
        ("redis.shop.svc", socket.EAI_NONAME, "does not exist in DNS; correct it in the pool's demand"),
        ("redis", socket.EAI_NONAME, "is looked up beside the operator, so write redis.NAMESPACE.svc"),
        ("redis.shop.svc", socket.EAI_AGAIN, "can't be looked up: the cluster's DNS gives no answer"),
    ],
)
def test_a_name_without_an_address(host: str, number: int, text: str) -> None:
    failure = unresolved(host, socket.gaierror(number, ""))
    assert failure.reason == "NameNotFound"
    assert text in failure.message
