"""Servers that are not what they should be: each answers every read with the same bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def impostor(answer: Answer) -> AsyncIterator[str]:
    """Listen on a local port and answer what is received with `answer`; yields the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while received := await reader.read(65_536):
                writer.write(answer(received))
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


def to_each_command(reply: bytes) -> Answer:
    """The same reply to each command of a batch."""
    return lambda received: reply * received.count(b"*")
