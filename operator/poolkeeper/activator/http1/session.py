"""One client connection that speaks HTTP/1: requests one by one, each held, passed on, answered."""

import asyncio
import logging

from poolkeeper.activator.gate.budget import Charge
from poolkeeper.activator.http1 import head, messages
from poolkeeper.activator.http1.answer import Answer
from poolkeeper.activator.http1.held_request import HeldRequest
from poolkeeper.activator.http1.messages import NotHttp, RequestHead
from poolkeeper.activator.net.connection import HELD_BYTES, Connection
from poolkeeper.activator.net.refusals import ACTIVATOR_FULL, Cause, ClientGone, Refused
from poolkeeper.activator.routing.shared import Shared

logger = logging.getLogger(__name__)


class Session:
    """Serves one connection, whose first bytes have come, until either side closes it."""

    def __init__(self, shared: Shared, connection: Connection) -> None:
        self._shared = shared
        self._connection = connection
        self._limits = shared.limits
        self._head = Charge(shared.budgets.head_bytes)

    async def serve(self) -> None:
        """Serve all requests of the connection, then close it."""
        try:
            while await self._serve_next():
                self._connection.most_read = HELD_BYTES
                self._head.set(len(self._connection.received))
                if not await self._shared.pools.idling.request_comes(self._connection, is_new=False):
                    break
            await self._connection.close(linger_seconds=self._limits.linger_seconds)
        except (ClientGone, OSError):
            self._connection.abort()
        finally:
            self._head.set(0)

    async def _serve_next(self) -> bool:
        """Serve one request; whether the connection can take another."""
        try:
            request = await self._read_head()
            if request is None:
                return False
            head.check(request, self._limits)
            gate = self._shared.pools.gate_at(self._connection.local_port)
        except NotHttp as fault:
            return await self._refuse(head.bad_request(f"The request is not valid HTTP: {fault}."))
        except Refused as refused:
            return await self._refuse(refused)
        return await HeldRequest(self._shared, gate, self._connection, request, self._head).serve()

    async def _read_head(self) -> RequestHead | None:
        """The next request's head; None if the client has closed. A head must come in one go, or nearly."""
        seconds = self._limits.head_seconds
        try:
            end = messages.end_of_head(self._connection.received, 0)
            if end is None:
                async with asyncio.timeout(seconds):
                    end = await self._rest_of_head()
        except TimeoutError:
            raise head.bad_request(f"The request's head took longer than {seconds:.0f} s.", 408) from None
        if end is None:
            return None
        self._count_received()
        if end > self._limits.head_bytes:
            raise self._too_large()
        return messages.parse_request(self._connection.take(end))

    async def _rest_of_head(self) -> int | None:
        received, searched = self._connection.received, 0
        while (end := messages.end_of_head(received, searched)) is None:
            messages.check_beginning(received)
            if len(received) > self._limits.head_bytes:
                raise self._too_large()
            if self._connection.ended:
                return None
            self._count_received()
            searched = len(received)
            await self._connection.more()
        return end

    def _count_received(self) -> None:
        if not self._head.reserve(len(self._connection.received) - self._head.amount):
            raise Refused(Cause.ACTIVATOR_FULL, ACTIVATOR_FULL)

    def _too_large(self) -> Refused:
        return head.bad_request(f"The request's head has more than {self._limits.head_bytes} bytes.", 431)

    async def _refuse(self, refused: Refused) -> bool:
        logger.info("request refused before its pool was known: %s", refused.message)
        answer = Answer(self._connection, None)
        answer.refuse(refused, waited_seconds=0.0)
        await answer.flush()
        return False
