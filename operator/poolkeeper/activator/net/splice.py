"""Carries bytes both ways between two connections, whatever they mean."""

import asyncio

from poolkeeper.activator.net.connection import FLOW_BYTES, Connection


async def splice(one: Connection, other: Connection) -> None:
    """Copy in both directions; one end's close is passed on to the other, and an error ends both."""
    one.most_read = other.most_read = FLOW_BYTES
    directions = {asyncio.create_task(_carry(one, other)), asyncio.create_task(_carry(other, one))}
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)


async def _carry(source: Connection, sink: Connection) -> None:
    while data := await source.read():
        await sink.write(data)
    if sink.transport.can_write_eof() and not sink.transport.is_closing():
        sink.transport.write_eof()
