"""The body of one request: kept in memory within bounds while it is held, then passed on as it comes."""

import asyncio
from collections.abc import Callable

from poolkeeper.activator.gate.budget import Charge
from poolkeeper.activator.http1 import framing, head
from poolkeeper.activator.http1.messages import NotHttp, RequestHead
from poolkeeper.activator.net.connection import FLOW_BYTES, HELD_BYTES, WAITING_BYTES, Connection
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import ClientGone


class RequestBody:
    """What has come of a body so far. Where memory is short the rest stays with the client."""

    def __init__(
        self,
        request: RequestHead,
        connection: Connection,
        limits: Limits,
        head_charge: Charge,
        charge: Charge,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._head_charge = head_charge
        self._head_bytes = head_charge.amount - len(connection.received)
        self._charge = charge
        self._is_chunked = "transfer-encoding" in request.values
        self._body = framing.of_request(request.values)
        self._kept = bytearray()
        self._awaits_continue = head.awaits_continue(request)

    @property
    def is_complete(self) -> bool:
        """Whether its end has come."""
        return self._body.is_complete

    async def fill(self, is_wanted: Callable[[], bool]) -> None:
        """Keep what is here, and wait for more until it is complete, must grow no further, or is unwanted.

        Raises Refused where it is no HTTP: best before anything of the request has been sent.
        """
        while not self.is_complete and self._may_grow:
            if self._keep():
                continue
            if not is_wanted():
                return
            self._count_what_is_unparsed()
            if not self._charge.reserve(2 * HELD_BYTES):
                break
            # Taken up before the bytes come: many bodies growing at once would each exceed the bound.
            try:
                await self._more()
            finally:
                self._count_what_is_kept()
        self._count_what_is_unparsed()
        if self.is_complete:
            self._connection.most_read = WAITING_BYTES
            if len(self._connection.received) < WAITING_BYTES:
                self._connection.resume()  # while it is read from, a hang-up is seen at once
        else:
            self._connection.pause()

    def take_kept(self) -> bytes:
        """What was kept, as it goes to the replica; it is kept no longer."""
        kept = self._framed(bytes(self._kept))
        self.release()
        return kept

    async def next_part(self) -> bytes:
        """The next part that was not kept, as it goes to the replica; raises ClientGone and Refused."""
        self._connection.most_read = FLOW_BYTES
        while True:
            content = self._take()
            if content or self.is_complete:
                return self._framed(content)
            await self._more()

    def continues(self) -> None:
        """The client gets `100 Continue`: from now on its pauses are bounded, also the one it is in."""
        self._awaits_continue = False
        self._connection.interrupt()

    def release(self) -> None:
        """Forget what was kept."""
        self._charge.set(0)
        self._kept = bytearray()

    @property
    def _may_grow(self) -> bool:
        return len(self._kept) < self._limits.body_bytes and self._charge.fits(1)

    def _count_what_is_unparsed(self) -> None:
        self._head_charge.set(self._head_bytes + len(self._connection.received))

    def _count_what_is_kept(self) -> None:
        self._charge.set(len(self._kept) + self._body.trailer_bytes)

    def _keep(self) -> bool:
        """Keep what is here; False if that is nothing."""
        content = self._take()
        self._kept += content
        self._count_what_is_kept()
        return bool(content) or self.is_complete

    def _take(self) -> bytes:
        try:
            content = self._body.take(self._connection.received)
        except NotHttp as fault:
            raise head.bad_request(f"The request's body is not valid HTTP: {fault}.") from None
        self._awaits_continue &= not content
        return content

    def _framed(self, content: bytes) -> bytes:
        if not self._is_chunked:
            return content
        chunk = framing.chunk(content) if content else b""
        if not self.is_complete:
            return chunk
        return chunk + framing.last_chunk(head.trailers(self._body.trailers))

    async def _more(self) -> None:
        """Wait for more, or an interruption. A client that waits for 100 Continue may take its time."""
        if self._connection.ended:
            raise ClientGone
        patience = None if self._awaits_continue else self._limits.body_seconds
        try:
            async with asyncio.timeout(patience):
                await self._connection.more()
        except TimeoutError:
            raise head.bad_request(f"Nothing more of the body came for {patience:.0f} s.", 408) from None
