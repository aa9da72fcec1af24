"""A Redis server: address, database, TLS and login, and how a session with it is opened."""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.redis import diagnosis
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
        addresses: list[str] = []
        try:
            async with asyncio.timeout(self.timeout_seconds):
                addresses = await self._addresses(allowed)
                wire = await self._connect(addresses)
                return await self._log_in(wire)
        except TimeoutError as error:
            if not addresses:
                raise diagnosis.unresolved(self.host, error) from error
            raise SourceFailure(
                "Timeout",
                f"no connection within {self.timeout_seconds:g} s, and no refusal; check the address, and "
                "that no NetworkPolicy or firewall keeps the operator from it",
            ) from error

    async def diagnosed(self, failure: SourceFailure, allowed: AddressPolicy) -> SourceFailure:
        """The failure with its cause, where that may be that only one of both sides uses TLS."""
        if failure.reason not in (("Timeout", "TlsFailed") if self.tls else ("ConnectionLost",)):
            return failure
        try:
            async with asyncio.timeout(self.timeout_seconds):
                ip = (await self._addresses(allowed))[0]
                return await diagnosis.of_silence(failure, ip, self.port, uses_tls=self.tls is not None)
        except (SourceFailure, TimeoutError):
            return failure

    async def _addresses(self, allowed: AddressPolicy) -> list[str]:
        if _is_ip(self.host):
            return self._accepted([self.host], allowed)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise diagnosis.unresolved(self.host, error) from error
        return self._accepted(list(dict.fromkeys(str(address[0]) for *_, address in found)), allowed)

    def _accepted(self, candidates: list[str], allowed: AddressPolicy) -> list[str]:
        refusals = {ip: allowed.refusal(ip) for ip in candidates}
        accepted = [ip for ip, refusal in refusals.items() if refusal is None]
        if not accepted:
            ip, refusal = next(iter(refusals.items()))
            raise SourceFailure(
                "AddressDenied",
                f"connecting to {ip} is not allowed, because {refusal}",
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
                raise diagnosis.untrusted(error) from error
            except ssl.SSLError as error:
                raise SourceFailure(
                    "TlsFailed", f"the TLS handshake failed ({error.reason}); does this port speak TLS?"
                ) from error
            except OSError as error:
                problem = error
        raise diagnosis.unconnected(problem) from problem

    async def _log_in(self, wire: Wire) -> RedisSession:
        try:
            await log_in(wire, self.username, self.password, self.database)
        except BaseException:
            wire.close()
            raise
        return RedisSession(wire, self.timeout_seconds, self.database)


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
            "CertificateInvalid", "the CA in the Secret named under tls.caSecret is not a PEM certificate"
        ) from error
