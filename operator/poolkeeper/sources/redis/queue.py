"""What Redis lists and streams have in common: the connection that they are declared with."""

from dataclasses import dataclass

from poolkeeper.api.demand import RedisConnection
from poolkeeper.sources.queue import SecretValues
from poolkeeper.sources.redis.question import Question
from poolkeeper.sources.redis.server import RedisServer, secret_names, server_of


@dataclass(frozen=True, slots=True)
class RedisQueue:
    """One queue in Redis and what is asked about it at every poll."""

    connection: RedisConnection
    question: Question
    sees_in_flight: bool

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the Secrets that the connection needs."""
        return secret_names(self.connection)

    def server(self, values: SecretValues) -> RedisServer:
        """The server that the queue lives on; raises SourceFailure."""
        return server_of(self.connection, values)
