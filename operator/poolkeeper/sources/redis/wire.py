"""Bytes to and from one Redis server: packed commands out, replies as plain values in.

redis-py's public connection resolves the name itself: it does not accept one IP to connect to and another
name to expect in the certificate, so the address policy could not be enforced.
"""

import asyncio
import ssl

from hiredis import pack_command

from poolkeeper.sources.base import ConnectionLost
from poolkeeper.sources.redis.replies import INCOMPLETE, KEPT_BULK_BYTES, Reply, ReplyReader, too_large

_READ_BYTES = 64 * 1024
_MAX_RECEIVED_BYTES = 64 * 1024 * 1024


def pack(*words: str | bytes | int) -> bytes:
    """One command in the form it is sent."""
    packed: bytes = pack_command(words)  # type: ignore[arg-type]  # the stub says a tuple of one
    return packed


class Wire:
    """An open connection that sends a batch of commands and reads exactly as many replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = ReplyReader()

    @classmethod
    async def connect(
        cls, ip: str, port: int, context: ssl.SSLContext | None, server_name: str | None
    ) -> "Wire":
        """Connect to an IP, expecting `server_name` in the certificate where there is a TLS context."""
        reader, writer = await asyncio.open_connection(
            ip, port, ssl=context, server_hostname=server_name if context else None, limit=_READ_BYTES
        )
        return cls(reader, writer)

    async def exchange(
        self, request: bytes, replies: int, *, kept_bulk_bytes: int = KEPT_BULK_BYTES
    ) -> list[Reply]:
        """Send packed commands and read their replies; after a failure or a cancellation, close."""
        self._parser.kept_bulk_bytes = kept_bulk_bytes
        try:
            self._writer.write(request)
            return await self._receive(replies)
        except OSError as error:
            raise _lost() from error
        finally:
            self._parser.release()

    async def _receive(self, count: int) -> list[Reply]:
        replies: list[Reply] = []
        received = 0
        while True:
            while len(replies) < count and (reply := self._parser.gets()) is not INCOMPLETE:
                replies.append(reply)
            if len(replies) == count:
                return replies
            data = await self._reader.read(_READ_BYTES)
            received += len(data)
            if not data:
                raise _lost()
            if received > _MAX_RECEIVED_BYTES:
                raise too_large()
            self._parser.feed(data)
            # A server that sends faster than this reads must not hold the event loop.
            await asyncio.sleep(0)

    def close(self) -> None:
        """Drop the connection without waiting for the server."""
        self._writer.transport.abort()


def _lost() -> ConnectionLost:
    return ConnectionLost("ConnectionLost", "the server closed the connection; it is opened again")
