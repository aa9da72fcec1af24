"""What comes of an answer while its client is slow is passed on without a wait for still more."""

from typing import cast

from poolkeeper.activator.http1.answer import Answer
from poolkeeper.activator.http1.body import RequestBody
from poolkeeper.activator.http1.exchange import Exchange
from poolkeeper.activator.http1.messages import parse_request
from poolkeeper.activator.net.connection import Connection


class Replica:
    """Has said all that it will say, and keeps its connection open."""

    ended = False

    def __init__(self) -> None:
        self.received = bytearray(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")

    def take(self, amount: int) -> bytes:
        """The first of what was received."""
        data = bytes(self.received[:amount])
        del self.received[:amount]
        return data

    async def write(self, data: bytes) -> None:
        """Takes the request."""

    async def more(self) -> None:
        """Nothing more comes."""
        raise AssertionError("waits although the rest of the answer is here")


class SlowClient:
    """While it takes the first part of the answer, the replica sends the rest."""

    def __init__(self, replica: Replica) -> None:
        self.got = b""
        self._replica = replica

    async def write(self, data: bytes) -> None:
        """Takes its time."""
        if not self.got:
            self._replica.received += b"world"
        self.got += data


class NoBody:
    """Of a GET."""

    is_complete = True

    def take_kept(self) -> bytes:
        """Nothing."""
        return b""


async def test_the_rest_of_an_answer_may_come_while_a_slow_client_is_waited_for() -> None:
    request = parse_request(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    replica = Replica()
    client = SlowClient(replica)
    answer = Answer(cast(Connection, client), request)
    exchange = Exchange(
        request,
        cast(RequestBody, NoBody()),
        cast(Connection, replica),
        answer,
        begins=lambda: None,
        waited_seconds=0.0,
        closes=False,
    )
    await exchange.run("127.0.0.1")
    assert client.got.endswith(b"\r\n\r\nhelloworld")
    assert answer.is_complete
