"""A pool's Redis that tries to end the operator: only that pool's demand is unknown, with a reason."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

MEBIBYTE = b"x" * 1_048_576


@asynccontextmanager
async def server(*pieces: bytes) -> AsyncIterator[int]:
    """Answers everything with the same bytes; yields the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while received := await reader.read(65_536):
                # A server that is well answers each command of a batch.
                for piece in pieces * (1 if len(pieces) > 1 else received.count(b"*")):
                    writer.write(piece)
                    await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def bulk(mebibytes: int) -> Iterator[bytes]:
    yield b"$%d\r\n" % (mebibytes << 20)
    yield from [MEBIBYTE] * mebibytes


@pytest.mark.parametrize(
    ("sent", "reasons"),
    [
        ([b"", b">100000000\r\n"], {"NotRedis"}),
        ([b"", b"*1000000000\r\n"], {"ReplyTooLarge"}),
        ([b"", b"*2147483647\r\n" * 8], {"ReplyTooLarge"}),
        ([b"", b"%1000000000\r\n"], {"NotRedis"}),
        ([b"*15000000\r\n", *[b":1\r\n" * 65_536] * 229], {"ReplyTooLarge"}),
        # A number after it would be a length that can be believed, where the replies happen to line up.
        ([*bulk(63), b"\r\n+PONG\r\n"], {"ServerError", "ReplyTooLarge", "Timeout"}),
        ([*[b"*60000\r\n" + b"$4096\r\n" + b"x" * 4096 + b"\r\n"] * 64], {"ReplyTooLarge", "NotRedis"}),
    ],
    ids=["push", "array", "nested", "map", "integers", "bulk", "kept"],
)
async def test_a_hostile_server_only_makes_its_own_pool_unknown(sent: list[bytes], reasons: set[str]) -> None:
    async with server(*sent) as hostile, server(b":1\r\n") as good:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.component.sources.hostile.operator_sources",
            str(hostile),
            str(good),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2_000:]
    seen = json.loads(output)
    assert seen["reasons"]
    assert set(seen["reasons"]) <= reasons
    assert seen["reads"] >= 5
    assert seen["longest_seconds"] < 1.0
