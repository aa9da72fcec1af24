"""Why a Redis server can't be reached, with what the pool's owner can do about it."""

import asyncio
import errno
import os
import socket
import ssl

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.redis.wire import pack

PROBE_SECONDS = 1.0
"""Longest that a port may take to show whether it speaks TLS."""

_NAME_IS_FOR = "name what it is issued for under tls.serverName"
_REMEDIES = {
    9: "correct the clocks, or renew it",
    10: "renew it",
    62: _NAME_IS_FOR,
    64: _NAME_IS_FOR,
}
"""By OpenSSL's verify codes: not yet valid, expired, another host name, another IP."""


def unresolved(host: str, error: OSError | UnicodeError) -> SourceFailure:
    """No address was found for a name, or none in time."""
    hint = (
        f"a name without a dot is looked up beside the operator, so write {host}.NAMESPACE.svc"
        if "." not in host
        else "correct it in the pool's demand"
    )
    silent = isinstance(error, TimeoutError) or (
        isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    )
    if silent:
        return SourceFailure(
            "NameNotFound",
            f"DNS gives no answer about the name {host!r}: the cluster has no such name, or its DNS can't be "
            f"reached; {hint}",
        )
    return SourceFailure("NameNotFound", f"the name {host!r} does not exist in DNS; {hint}")


def unconnected(problem: OSError | None) -> SourceFailure:
    """None of the addresses accepted a connection."""
    number = problem.errno if problem else None
    if number == errno.ECONNREFUSED:
        return SourceFailure(
            "ConnectionRefused",
            "the connection was refused: nothing listens on this port; check the port, and that the server "
            "runs",
        )
    text = os.strerror(number) if number else "the connection failed"
    return SourceFailure("ConnectionFailed", f"the address can't be reached: {text}")


def untrusted(error: ssl.SSLCertVerificationError) -> SourceFailure:
    """The server's certificate does not prove that it is the server."""
    remedy = _REMEDIES.get(error.verify_code, "name the CA that signed it under tls.caSecret")
    return SourceFailure(
        "TlsUntrusted", f"the server's certificate is not trusted ({error.verify_message}); {remedy}"
    )


async def of_silence(failure: SourceFailure, ip: str, port: int, *, uses_tls: bool) -> SourceFailure:
    """Whether only one of both sides uses TLS is tried, since a server does not say it.

    A Redis with TLS resets a plain connection without a word, and one without TLS waits for the rest of a
    TLS greeting. Only a greeting is sent, no name and no password.
    """
    if uses_tls and await _speaks_redis(ip, port):
        return SourceFailure(
            "TlsNotExpected",
            "the server speaks Redis without TLS on this port; remove tls from the pool's demand, or name "
            "the server's TLS port",
        )
    if not uses_tls and await _speaks_tls(ip, port):
        return SourceFailure(
            "TlsExpected",
            "the server expects TLS on this port; set tls in the pool's demand, with the CA of the server's "
            "certificate under tls.caSecret, or name a port without TLS",
        )
    return failure


async def _speaks_tls(ip: str, port: int) -> bool:
    """Whether a TLS handshake succeeds; whom the certificate names does not matter."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(ip, port, ssl=context)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _speaks_redis(ip: str, port: int) -> bool:
    """Whether a PING without TLS is answered as Redis answers, be it with a refusal."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(ip, port)
            try:
                writer.write(pack("PING"))
                return await reader.read(1) in (b"+", b"-")
            finally:
                writer.transport.abort()
    except OSError:
        return False
