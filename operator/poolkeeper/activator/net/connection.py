"""A TCP connection with bounded buffers on both sides and a callback when the other end closes it."""

import asyncio
import contextlib
import select
import socket
import struct
from collections.abc import Callable
from typing import cast

FLOW_BYTES = 16 * 1024
"""Most that is read at once of what is passed on."""
HELD_BYTES = 4 * 1024
"""Most that is read at once of what is kept: ten thousand connections may be read from together."""
WAITING_BYTES = 512
"""Most that is read at once while nothing more is expected, as a client's early next request."""

# Shared by all connections: the loop fills it and calls buffer_updated within one step. A buffer for each
# connection would be the largest object of an idle one.
_READ = memoryview(bytearray(FLOW_BYTES))
# A node that dies silently is noticed after 15 + 3 * 5 = 30 s; by the kernel's defaults after two hours.
_KEEP_ALIVE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(asyncio.BufferedProtocol):
    """Bytes in, bytes out. When `received` has reached `most_read` bytes, the socket is not read any further.

    With `stall_seconds`, the connection is cut off when the other end reads nothing for so long while bytes
    wait to be sent.
    """

    __slots__ = (
        "_lost",
        "_on_open",
        "_read_waiter",
        "_stall_seconds",
        "_writable",
        "ended",
        "is_paused",
        "most_read",
        "on_end",
        "received",
        "transport",
    )

    def __init__(
        self,
        on_open: "Callable[[Connection], None] | None" = None,
        *,
        stall_seconds: float | None = None,
        most_read: int = FLOW_BYTES,
    ) -> None:
        self.most_read = most_read
        self._on_open = on_open
        self._stall_seconds = stall_seconds
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = bytearray()
        self._read_waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport
        self.on_end: Callable[[], None] | None = None
        self.is_paused = False
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            raw.setsockopt(socket.IPPROTO_TCP, option, value)
        if self._on_open is not None:
            self._on_open(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _READ[: self.most_read]

    def buffer_updated(self, nbytes: int) -> None:
        self.received += _READ[:nbytes]
        if len(self.received) >= self.most_read:
            self.pause()
        self.interrupt()

    def eof_received(self) -> bool:
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        if not self._lost.done():
            self._lost.set_result(None)
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(ConnectionResetError("the connection was lost"))
            self._writable.exception()  # marks it as seen: perhaps no task was waiting to write

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def pause(self) -> None:
        """Stop reading from the socket, so that the sender has to wait."""
        if not self.is_paused and not self.ended:
            self.is_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read from the socket again."""
        if self.is_paused:
            self.is_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    async def read(self) -> bytes:
        """What was received and not yet taken, at least one byte; b"" at the end."""
        while not self.has_news:
            await self.more()
        return self.take(len(self.received))

    async def more(self) -> None:
        """Wait until more is received, the other end has closed, or `interrupt` is called."""
        if self.ended:
            return
        self.resume()
        self._read_waiter = asyncio.get_running_loop().create_future()
        try:
            await self._read_waiter
        finally:
            self._read_waiter = None

    @property
    def has_news(self) -> bool:
        """Whether something was received, or the end."""
        return self.ended or bool(self.received)

    @property
    def is_readable(self) -> bool:
        """Whether something, or the end, can be read; the kernel is asked too."""
        return self.has_news or self._polls(select.POLLIN)

    def take(self, amount: int) -> bytes:
        """Take so many bytes out of `received`."""
        data = bytes(self.received[:amount])
        del self.received[:amount]
        return data

    def interrupt(self) -> None:
        """End a wait in `more` at once."""
        if self._read_waiter is not None and not self._read_waiter.done():
            self._read_waiter.set_result(None)

    async def write(self, data: bytes) -> None:
        """Send bytes and wait while too many of them wait to be sent; raises ConnectionResetError."""
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self.transport.write(data)
        await self.drain()

    async def drain(self) -> None:
        """Wait while too many bytes wait to be sent; raises ConnectionResetError."""
        if (room := self._writable) is not None:
            await self._while_it_moves(room)
            room.result()

    def has_hung_up(self) -> bool:
        """Whether the other end has closed; the kernel is asked, so it is seen while reading is paused."""
        return self.ended or self._polls(select.POLLRDHUP)

    async def close(self, *, linger_seconds: float = 0.0) -> None:
        """Send what is waiting and close; a client that still sends gets this long to read the answer first.

        Closing with unread bytes makes the kernel send a reset, which can destroy the answer on its way.
        """
        if linger_seconds and not self.ended and not self.transport.is_closing():
            if self.transport.can_write_eof():
                self.transport.write_eof()
            try:
                async with asyncio.timeout(linger_seconds):
                    while await self.read():
                        pass
            except TimeoutError:
                pass
        self.transport.close()
        if self._stall_seconds is not None and self.transport.get_write_buffer_size():
            # A transport stays open until all is sent: for ever, if the other end reads nothing.
            with contextlib.suppress(ConnectionResetError):
                await self._while_it_moves(self._lost)

    async def _while_it_moves(self, done: asyncio.Future[None]) -> None:
        while not done.done():
            before = self.transport.get_write_buffer_size()
            await asyncio.wait((done,), timeout=self._stall_seconds)
            if not done.done() and self.transport.get_write_buffer_size() >= before:
                self.abort()
                raise ConnectionResetError("the other end reads nothing")

    def abort(self) -> None:
        """Drop the connection with a reset, which the other end can't mistake for a regular end."""
        if not self.transport.is_closing():
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    @property
    def peer(self) -> str:
        """IP address of the other end."""
        name = self.transport.get_extra_info("peername")
        return str(name[0]).removeprefix("::ffff:") if name else ""

    @property
    def local_port(self) -> int:
        """Port at our end."""
        return int(self.transport.get_extra_info("sockname")[1])

    def _polls(self, event: int) -> bool:
        descriptor = self.transport.get_extra_info("socket").fileno()
        if descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, event)
        return bool(poll.poll(0))

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self.interrupt()
            if self.on_end is not None:
                self.on_end()


async def connect(address: str, port: int, timeout_seconds: float) -> Connection:
    """Connect to a replica; raises OSError, and TimeoutError (which is one) when it takes too long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_seconds):
        _, connection = await loop.create_connection(Connection, address, port)
    return connection
