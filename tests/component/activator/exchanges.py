"""Requests to an activator and answers of a replica, byte by byte."""

import asyncio
import subprocess

from tests.component.activator.data_path import Activator

GET = b"GET / HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n"


async def answer_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One response to one request without a body."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    writer.close()


async def raw(activator: Activator, request: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def patient(activator: Activator) -> bytes:
    """An answer, for which the test's clock may pass as far as it likes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(GET)
    try:
        return await reader.read()
    finally:
        writer.close()


async def curl(*arguments: str) -> str:
    """Output of curl."""
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--show-error", "--max-time", "20", *arguments, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()
