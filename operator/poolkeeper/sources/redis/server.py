"""A Redis server: address, database, TLS and login, and how a session with it is opened."""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.redis.session import RedisSession, log_in
from poolkeeper.sources.redis.wire import Wire

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Tls:
    """How to trust the server; `ca` is PEM, or None for the system's trust store."""

    server_name: str
    ca: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Everything that a connection is made with: pools share one only if all of this is equal."""

    host: str
    port: int
    database: int = 0
    tls: Tls | None = None
    username: str | None = field(default=None, repr=False)
    password: bytes | None = field(default=None, repr=False)
    timeout_seconds: float = TIMEOUT_SECONDS

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    async def open(self, allowed: AddressPolicy) -> RedisSession:
        """Resolve, check the address, connect to it and log in, all within the time limit."""
        try:
            async with asyncio.timeout(self.timeout_seconds):
                wire = await self._connect(await self._addresses(allowed))
                return await self._log_in(wire)
        except TimeoutError as error:
            hint = "does this port speak TLS?" if self.tls else "demand is unknown until it does."
            raise SourceFailure(
                "Timeout", f"{self.address} did not answer within {self.timeout_seconds:g} s; {hint}"
            ) from error

    async def _addresses(self, allowed: AddressPolicy) -> list[str]:
        if _is_ip(self.host):
            return self._accepted([self.host], allowed)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise SourceFailure(
                "NameNotFound", f"{self.host!r} can't be resolved; check the address in the pool's demand."
            ) from error
        return self._accepted(list(dict.fromkeys(str(address[0]) for *_, address in found)), allowed)

    def _accepted(self, candidates: list[str], allowed: AddressPolicy) -> list[str]:
        refusals = {ip: allowed.refusal(ip) for ip in candidates}
        accepted = [ip for ip, refusal in refusals.items() if refusal is None]
        if not accepted:
            ip, refusal = next(iter(refusals.items()))
            raise SourceFailure(
                "AddressDenied",
                f"{self.address} is refused: connecting to {ip} is not allowed, because {refusal}.",
            )
        return accepted

    async def _connect(self, addresses: list[str]) -> Wire:
        context = _tls_context(self.tls.ca) if self.tls else None
        server_name = self.tls.server_name if self.tls else None
        problem: OSError | None = None
        for ip in addresses:
            try:
                return await Wire.connect(ip, self.port, context, server_name)
            except ssl.SSLCertVerificationError as error:
                raise SourceFailure(
                    "TlsUntrusted",
                    f"The certificate of {self.address} is not trusted: {error.verify_message}; "
                    "check tls.caSecret and tls.serverName.",
                ) from error
            except ssl.SSLError as error:
                raise SourceFailure(
                    "TlsFailed",
                    f"No TLS session with {self.address} ({error.reason}); does this port speak TLS?",
                ) from error
            except OSError as error:
                problem = error
        text = os.strerror(problem.errno) if problem and problem.errno else "the connection failed"
        raise SourceFailure("ConnectionFailed", f"{self.address} can't be reached: {text}.") from problem

    async def _log_in(self, wire: Wire) -> RedisSession:
        try:
            await log_in(wire, self.username, self.password, self.database)
        except BaseException:
            wire.close()
            raise
        return RedisSession(wire, self.timeout_seconds)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=64)
def _tls_context(ca: str | None) -> ssl.SSLContext:
    """Cached because reading the system's trust store takes long."""
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise SourceFailure(
            "CertificateInvalid", "The CA in the Secret named under tls.caSecret is not a PEM certificate."
        ) from error
