"""A Redis server as a pool declares it: address, database, TLS and login, and how a session is opened."""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from poolkeeper.api.demand import RedisAuth, RedisConnection, RedisTls, SecretKey
from poolkeeper.sources.addresses import AddressPolicy, split_address
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.queue import SecretValues, secret_value
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
    """Everything a connection is made with: two pools share one only if all of this is equal."""

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
                "AddressDenied", f"{self.address} is refused: {ip} may not be connected to, {refusal}."
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
            "CertificateInvalid", "The CA in the Secret named under tls.caSecret is no PEM certificate."
        ) from error


def secret_names(connection: RedisConnection) -> frozenset[str]:
    """Names of the Secrets that a declared connection needs."""
    auth, tls = connection.auth or RedisAuth(), connection.tls or RedisTls()
    keys = (auth.username_secret, auth.password_secret, tls.ca_secret if tls.enabled else None)
    return frozenset(key.name for key in keys if key is not None)


def server_of(connection: RedisConnection, values: SecretValues) -> RedisServer:
    """The server that a declared connection and the Secrets it names stand for; raises SourceFailure."""
    host, port = split_address(connection.address)
    auth = connection.auth or RedisAuth()
    return RedisServer(
        host=host,
        port=port,
        database=connection.database,
        tls=_tls_of(connection.tls, host, values),
        username=_text(auth.username_secret, values) or auth.username,
        password=secret_value(auth.password_secret, values) if auth.password_secret else None,
    )


def _tls_of(declared: RedisTls | None, host: str, values: SecretValues) -> Tls | None:
    if declared is None or not declared.enabled:
        return None
    return Tls(server_name=declared.server_name or host, ca=_text(declared.ca_secret, values))


def _text(key: SecretKey | None, values: SecretValues) -> str | None:
    if key is None:
        return None
    try:
        return secret_value(key, values).decode()
    except UnicodeDecodeError as error:
        raise SourceFailure("SecretInvalid", f"Key {key.key} of Secret {key.name} is not text.") from error
