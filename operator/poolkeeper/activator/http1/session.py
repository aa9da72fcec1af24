"""One client connection that speaks HTTP/1: requests one by one, each held, passed on, answered."""

import asyncio
import logging

import h11

from poolkeeper.activator.gate.budget import Charge
from poolkeeper.activator.http1 import head
from poolkeeper.activator.http1.answer import Answer
from poolkeeper.activator.http1.held_request import HeldRequest
from poolkeeper.activator.net.connection import HELD_BYTES, Connection
from poolkeeper.activator.net.refusals import Cause, ClientGone, Refused
from poolkeeper.activator.routing.idle import request_comes
from poolkeeper.activator.routing.pools import Pools

logger = logging.getLogger(__name__)


class Session:
    """Serves one connection until either side closes it."""

    def __init__(self, pools: Pools, connection: Connection) -> None:
        self._pools = pools
        self._connection = connection
        self._limits = pools.limits
        self._is_new = True
        self._head = Charge(pools.total_head_bytes)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head_bytes)

    async def serve(self) -> None:
        """Serve all requests of the connection, then close it."""
        try:
            while await self._serve_next():
                self._http.start_next_cycle()
            await self._connection.close(linger_seconds=self._limits.linger_seconds)
        except (ClientGone, OSError):
            self._connection.abort()
        finally:
            self._head.release()

    async def _serve_next(self) -> bool:
        """Serve one request; whether the connection can take another."""
        try:
            request = await self._read_head()
            if request is None:
                return False
            head.check(request, self._limits)
            gate = self._pools.gate_at(self._connection.local_port)
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            return await self._refuse(head.bad_request(f"The request is no HTTP: {error}.", status))
        except Refused as refused:
            return await self._refuse(refused)
        await HeldRequest(self._pools, gate, self._connection, self._http, request, self._head).serve()
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _read_head(self) -> h11.Request | None:
        """The next request's head; None if there is none. A head must come in one go, or nearly."""
        is_new, self._is_new = self._is_new, False
        self._connection.most_read = HELD_BYTES
        self._head.set(len(self._http.trailing_data[0]))
        if not self._http.trailing_data[0]:
            if not await request_comes(self._pools, self._connection, is_new=is_new):
                return None
            if self._connection.has_news:
                self._feed(self._connection.take())
        event: object = self._http.next_event()
        if event is h11.NEED_DATA:
            event = await self._rest_of_head()
        return event if isinstance(event, h11.Request) else None

    async def _rest_of_head(self) -> object:
        seconds = self._limits.head_seconds
        try:
            async with asyncio.timeout(seconds):
                while (event := self._http.next_event()) is h11.NEED_DATA:
                    self._feed(await self._connection.read() or b"")
                return event
        except TimeoutError:
            raise head.bad_request(f"The head took longer than {seconds:.0f} s.", 408) from None

    def _feed(self, data: bytes) -> None:
        if not self._head.reserve(len(data)):
            raise Refused(Cause.ACTIVATOR_FULL, "Too many requests wait for models here already.")
        self._http.receive_data(data)

    async def _refuse(self, refused: Refused) -> bool:
        logger.info("refused before any pool: %s", refused.message)
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = Answer(self._http, self._connection, is_http_1_1=False)
            answer.refuse(refused, waited_seconds=0.0)
            await answer.flush()
        return False
