"""Carries bytes both ways between two connections until both ends are through."""

import asyncio

from poolkeeper.activator.net.connection import FLOW_BYTES, Connection


async def splice(one: Connection, other: Connection) -> tuple[int, int]:
    """Copy in both directions; one side's end becomes the other's, an error ends both.

    Returns the bytes that went from `one` to `other` and back.
    """
    one.most_read = other.most_read = FLOW_BYTES
    there = asyncio.create_task(_carry(one, other))
    back = asyncio.create_task(_carry(other, one))
    try:
        done, pending = await asyncio.wait({there, back}, return_when=asyncio.FIRST_EXCEPTION)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    finally:
        there.cancel()
        back.cancel()
    counts = [task.result() if task in done and task.exception() is None else 0 for task in (there, back)]
    return counts[0], counts[1]


async def _carry(source: Connection, sink: Connection) -> int:
    carried = 0
    while data := await source.read():
        carried += len(data)
        await sink.write(data)
    if sink.transport.can_write_eof() and not sink.transport.is_closing():
        sink.transport.write_eof()
    return carried
