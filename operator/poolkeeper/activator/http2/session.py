"""One HTTP/2 connection without TLS, as gRPC clients open them: held as a whole, then spliced to one replica.

Frames are watched, not interpreted. The open requests decide whether the connection is demand, and when it
may be closed so that the client connects to the pods. A connection without an open request starts no model.
"""

import asyncio

from poolkeeper.activator.gate.budget import Charge
from poolkeeper.activator.gate.gate import Gate
from poolkeeper.activator.http2 import frames as h2_frames
from poolkeeper.activator.http2.frames import Frame, FrameFilter, FrameType
from poolkeeper.activator.net.connection import FLOW_BYTES, HELD_BYTES, Connection
from poolkeeper.activator.net.limits import KIB
from poolkeeper.activator.net.refusals import ACTIVATOR_FULL, Cause, ClientGone, Refused
from poolkeeper.activator.observing.access_log import AccessEntry
from poolkeeper.activator.routing.shared import Shared
from poolkeeper.activator.routing.visit import Visit

MOST_HELD_BYTES = 128 * KIB


class H2Session:
    """Serves one connection; its slot at the replica is only taken while a request is open on it."""

    def __init__(self, shared: Shared, gate: Gate, connection: Connection) -> None:
        self._shared = shared
        self._idling = shared.pools.idling
        self._gate = gate
        self._port = connection.local_port
        self._connection = connection
        self._visit: Visit | None = None
        self._is_carried = False
        self._open: set[int] = set()
        self._reset: set[int] = set()
        self._last_stream = 0
        self._has_news = asyncio.Event()
        self._leaves = False
        self._awaits_ack = True
        self._from_client = FrameFilter(self._see_client_frame, self._client_is_through)
        self._from_replica = FrameFilter(self._see_replica_frame, self._closed)
        self._held = bytearray(h2_frames.PREFACE)
        self._greeting_charge = Charge(shared.budgets.head_bytes)
        self._held_charge = Charge(shared.budgets.body_bytes, gate.bytes)
        self._log = AccessEntry(gate.route.key, "PRI", "*", connection.peer)

    async def serve(self) -> None:
        """From what follows the client's preface to the end of the connection."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._greet()
            if self._open:
                place = self._gate.enter(self._connection.peer)
                self._visit = Visit(self._gate, place, self._connection, self._shared.limits)
                replica = await self._hold(self._visit)
                with self._idling.listening(self._port, self._has_news.set):
                    await self._carry(replica)
            self._log.outcome = "Closed"
            if self._leaves:
                self._connection.transport.write(h2_frames.goaway(self._last_stream))
        except Refused as refused:
            self._gate.metrics.refused(refused.cause)
            self._log.outcome = refused.cause.value
            self._connection.transport.write(h2_frames.goaway(0))
        except (ClientGone, OSError):
            self._log.outcome = "ClientGone"
        finally:
            self._release()
            if self._visit is not None:
                await self._visit.close_replica()
                self._visit.end(completed=self._is_carried)
            # With unread bytes a plain close sends a reset, which can destroy the GOAWAY on its way: the
            # client would not learn which of its calls it may repeat.
            await self._connection.close(linger_seconds=self._shared.limits.linger_seconds)
            self._log.total_seconds = loop.time() - began
            self._log.write()

    async def _greet(self) -> None:
        """Send the SETTINGS that clients wait for before anything else, and wait for a call.

        A client that opens no call in time, or before connections are to leave, was no demand.
        """
        await self._connection.write(h2_frames.frame(FrameType.SETTINGS))
        try:
            async with self._idling.patience(self._port):
                await self._until_call()
        except TimeoutError:
            self._leaves = True

    async def _until_call(self) -> None:
        while not self._open:
            self._held += self._from_client.feed(await self._receive_greeting())
            await self._connection.drain()  # our answers to pings: a client may send them without end
            if len(self._held) > MOST_HELD_BYTES:
                raise ClientGone

    async def _receive_greeting(self) -> bytes:
        data = await self._connection.read()
        if not data:
            raise ClientGone
        if not self._greeting_charge.reserve(len(data)):
            raise Refused(Cause.ACTIVATOR_FULL, ACTIVATOR_FULL)
        return data

    def _release(self) -> None:
        self._held.clear()
        self._greeting_charge.set(0)
        self._held_charge.set(0)

    async def _hold(self, visit: Visit) -> Connection:
        collecting = asyncio.create_task(self._collect())
        try:
            replica = await visit.reach(visit.place.until_decided)
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
        self._is_carried = True
        self._log.replica, self._log.waited_seconds = visit.address, visit.place.waited_seconds
        if not self._open:  # every call was cancelled while the connection was held
            visit.place.rest()
        return replica

    async def _collect(self) -> None:
        """Keep what comes while it is held, and answer the pings by which clients test the connection."""
        greeting_bytes = len(self._held)
        while len(self._held) < MOST_HELD_BYTES and self._held_charge.reserve(2 * HELD_BYTES):
            try:
                data = await self._connection.read()
                if not data:
                    return
                self._held += self._from_client.feed(data)
            finally:
                self._held_charge.set(len(self._held) - greeting_bytes)
            await self._connection.drain()
        self._connection.pause()
        with self._shared.hang_ups.watching(self._connection):
            await asyncio.get_running_loop().create_future()  # until cancelled

    async def _carry(self, replica: Connection) -> None:
        self._connection.most_read = FLOW_BYTES
        held = bytes(self._held)
        self._release()
        await replica.write(held)
        there = asyncio.create_task(self._pump(self._connection, replica, self._from_client))
        back = asyncio.create_task(self._pump(replica, self._connection, self._from_replica))
        leaving = asyncio.create_task(self._prepare_to_leave())
        tasks = {there, back, leaving}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, source: Connection, sink: Connection, frames: FrameFilter) -> None:
        while (data := await source.read()) and not self._leaves:
            self._log.sent_bytes += len(data) if sink is self._connection else 0
            await sink.write(frames.feed(data))

    async def _prepare_to_leave(self) -> None:
        """Have the client open a new connection, once the pods answer the Service and no call is open.

        This takes two steps (RFC 9113 §6.8). A first GOAWAY, with the highest stream number, asks for no new
        calls; calls that are on their way are still carried. When none is open any more, the pumps stop, and
        the last GOAWAY names the last stream that was carried: the client repeats calls above it, so none of
        them may have reached the replica. `_leaves` stops the pumps in the very step that found no open call.
        """
        await self._until_it_may_go()
        await self._connection.write(h2_frames.goaway(h2_frames.MOST_STREAM))
        await asyncio.sleep(self._shared.limits.leaving_seconds)
        await self._until_it_may_go()
        self._leaves = True

    async def _until_it_may_go(self) -> None:
        while self._open or not (self._gate.line.closed or self._idling.sends_away(self._port)):
            self._has_news.clear()
            await self._has_news.wait()

    def _see_client_frame(self, frame: Frame) -> bool:
        if frame.kind == FrameType.HEADERS and frame.stream > self._last_stream:
            self._last_stream = frame.stream
            self._opened(frame.stream)
        elif frame.kind == FrameType.RST_STREAM:
            self._reset.add(frame.stream)
        elif frame.kind == FrameType.SETTINGS and frame.is_ack and self._awaits_ack:
            self._awaits_ack = False
            return False
        elif frame.kind == FrameType.PING and not frame.is_ack and not self._is_carried:
            pong = h2_frames.frame(FrameType.PING, flags=h2_frames.ACK, payload=frame.payload)
            self._connection.transport.write(pong)
            return False
        return True

    def _client_is_through(self, stream: int) -> None:
        if stream in self._reset:
            self._reset.discard(stream)
            self._closed(stream)

    def _see_replica_frame(self, frame: Frame) -> bool:
        if frame.kind == FrameType.HEADERS and self._visit is not None:
            self._visit.place.answer_begins()
        return True

    def _opened(self, stream: int) -> None:
        self._open.add(stream)
        if self._visit is not None and self._is_carried:
            self._visit.place.resume()

    def _closed(self, stream: int) -> None:
        self._open.discard(stream)
        self._has_news.set()
        if not self._open and self._visit is not None and self._is_carried:
            self._visit.place.rest()
