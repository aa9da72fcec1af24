"""Bytes to and from one Redis server: packed commands out, replies as plain values in.

redis-py's public connection resolves the name itself: it does not accept one IP to connect to and another
name to expect in the certificate, so the address policy could not be enforced. Its parser, hiredis, is used
directly, which also makes a batch of 10,000 replies cheap (`hack.bench queue.redis_poll`).
"""

import asyncio
import ssl
from typing import TypeAlias

from hiredis import ProtocolError, Reader, ReplyError, pack_command

from poolkeeper.sources.base import ConnectionLost, ReplyTooLarge, SourceFailure

Reply: TypeAlias = "bytes | int | ReplyError | list[Reply] | None"

_READ_BYTES = 256 * 1024
_MAX_REPLY_BYTES = 64 * 1024 * 1024
_INCOMPLETE = object()


def pack(*words: str | bytes | int) -> bytes:
    """One command in the form it is sent."""
    packed: bytes = pack_command(words)  # type: ignore[arg-type]  # the stub says a tuple of one
    return packed


class Wire:
    """An open connection that sends a batch of commands and reads exactly as many replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = Reader(notEnoughData=_INCOMPLETE)

    @classmethod
    async def connect(
        cls, ip: str, port: int, context: ssl.SSLContext | None, server_name: str | None
    ) -> "Wire":
        """Connect to an IP, expecting `server_name` in the certificate where there is a TLS context."""
        reader, writer = await asyncio.open_connection(
            ip, port, ssl=context, server_hostname=server_name if context else None, limit=_READ_BYTES
        )
        return cls(reader, writer)

    async def exchange(self, request: bytes, replies: int) -> list[Reply]:
        """Send packed commands and read their replies; after a failure or a cancellation, close."""
        try:
            self._writer.write(request)
            return await self._receive(replies)
        except ProtocolError as error:
            raise SourceFailure(
                "NotRedis", "The server does not speak the Redis protocol; check the port."
            ) from error
        except OSError as error:
            raise _lost() from error

    async def _receive(self, count: int) -> list[Reply]:
        replies: list[Reply] = []
        received = 0
        while True:
            while len(replies) < count and (reply := self._parser.gets()) is not _INCOMPLETE:
                replies.append(reply)
            if len(replies) == count:
                return replies
            data = await self._reader.read(_READ_BYTES)
            received += len(data)
            if not data:
                raise _lost()
            if received > _MAX_REPLY_BYTES:
                raise ReplyTooLarge(
                    "ReplyTooLarge", f"The Redis server sent more than {_MAX_REPLY_BYTES >> 20} MiB at once."
                )
            self._parser.feed(data)

    def close(self) -> None:
        """Drop the connection without waiting for the server."""
        self._writer.transport.abort()


def _lost() -> ConnectionLost:
    return ConnectionLost("ConnectionLost", "The Redis server closed the connection; it is opened again.")
