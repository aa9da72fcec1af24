"""A queue in Redis as a pool declares it: the server it is on, and what is asked about it at every poll."""

from dataclasses import dataclass

from poolkeeper.api.demand import RedisAuth, RedisConnection, RedisTls, SecretKey
from poolkeeper.sources.addresses import split_address
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.queue import SecretValues, secret_value
from poolkeeper.sources.redis.question import Question
from poolkeeper.sources.redis.server import RedisServer, Tls


@dataclass(frozen=True, slots=True)
class RedisQueue:
    """One queue in Redis and what is asked about it at every poll."""

    connection: RedisConnection
    question: Question
    hides_work: bool = False
    """Whether work that a worker has taken may never be seen: nothing shows it, or only while it lasts."""

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return self.connection.address

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the Secrets that the connection needs."""
        auth, tls = self.connection.auth or RedisAuth(), self.connection.tls or RedisTls()
        keys = (auth.username_secret, auth.password_secret, tls.ca_secret if tls.enabled else None)
        return frozenset(key.name for key in keys if key is not None)

    def server(self, values: SecretValues) -> RedisServer:
        """The server of the queue, with what its Secrets contain. Raises SourceFailure."""
        host, port = split_address(self.connection.address)
        auth = self.connection.auth or RedisAuth()
        return RedisServer(
            host=host,
            port=port,
            database=self.connection.database,
            tls=_tls_of(self.connection.tls, host, values),
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
        raise SourceFailure("SecretInvalid", f"key {key.key} of Secret {key.name} is not text") from error
