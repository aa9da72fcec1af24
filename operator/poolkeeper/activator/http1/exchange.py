"""Carries one HTTP/1 request to one replica, and its response back. Nothing is ever sent a second time."""

import asyncio
import contextlib
from collections.abc import Callable

from poolkeeper.activator.http1 import framing, head, messages
from poolkeeper.activator.http1.answer import Answer
from poolkeeper.activator.http1.body import RequestBody
from poolkeeper.activator.http1.messages import NotHttp, RequestHead, ResponseHead
from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.refusals import Cause, ClientGone, Refused

MOST_RESPONSE_HEAD_BYTES = 256 * 1024


class Exchange:
    """One request on one fresh connection to a replica."""

    def __init__(
        self,
        request: RequestHead,
        body: RequestBody,
        replica: Connection,
        answer: Answer,
        *,
        begins: Callable[[], None],
        waited_seconds: float,
        closes: bool,
    ) -> None:
        self._request = request
        self._body = body
        self._replica = replica
        self._answer = answer
        self._begins = begins
        self._waited_seconds = waited_seconds
        self._closes = closes
        self._fault_of_client: Refused | None = None
        self.is_switched = False
        """Whether both ends have agreed to another protocol: what follows is spliced."""

    async def run(self, client_address: str) -> None:
        """Send the request and pass on the response; raises Refused while nothing of it was passed on."""
        upload = None
        try:
            upload = await self._send_what_is_here(client_address)
            await self._receive()
        except (NotHttp, OSError) as error:
            raise self._fault_of_client or _fault_of_replica(error) from error
        finally:
            if upload is not None:
                upload.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await upload

    async def _send_what_is_here(self, client_address: str) -> asyncio.Task[None] | None:
        data = head.for_replica(self._request, client_address, is_uncompressed=self._answer.streams_already)
        data += self._body.take_kept()
        is_complete = self._body.is_complete
        with contextlib.suppress(OSError):  # it may have answered before it closed: see what can be read
            await self._replica.write(data)
        return None if is_complete else asyncio.create_task(self._upload())

    async def _upload(self) -> None:
        try:
            while not self._body.is_complete:
                await self._replica.write(await self._body.next_part())
        except Refused as fault:
            self._fault_of_client = fault
            self._replica.abort()  # with a reset, so that half a body can't pass for a whole one
        except (ClientGone, OSError):
            return  # the client's end aborts the exchange; a replica that reads no more may still answer

    async def _receive(self) -> None:
        response = await self._next_head()
        while response.status < 200:
            if response.status == 101:
                await self._switch(response)
                return
            self._answer.inform(response)
            if response.status == 100:
                self._body.continues()
            response = await self._next_head()
        body = framing.of_response(response, to_head=self._request.method == b"HEAD")
        self._answer.begin(response, waited_seconds=self._waited_seconds, closes=self._closes)
        self._begins()
        while not body.is_complete:
            has_ended = self._replica.ended  # asked before: more may come, and then the end, during a flush
            self._answer.data(body.take(self._replica.received))
            if has_ended:
                body.closed()
            elif not body.is_complete:
                await self._more()
        self._answer.end(body.trailers)
        await self._answer.flush()

    async def _next_head(self) -> ResponseHead:
        received, searched = self._replica.received, 0
        while (end := messages.end_of_head(received, searched)) is None:
            searched = len(received)
            if searched > MOST_RESPONSE_HEAD_BYTES:
                raise NotHttp(f"A head of more than {MOST_RESPONSE_HEAD_BYTES} bytes")
            if self._replica.ended:
                raise ConnectionResetError("the connection was closed without a response")
            await self._more()
        return messages.parse_response(self._replica.take(end))

    async def _more(self) -> None:
        """Send what has gathered, then wait for more, unless more came while a slow client was waited for."""
        before = len(self._replica.received)
        await self._answer.flush()
        if len(self._replica.received) == before:
            await self._replica.more()

    async def _switch(self, response: ResponseHead) -> None:
        if not head.wants_websocket(self._request):
            raise NotHttp("A 101 that was not asked for")
        self._answer.switch(response, self._waited_seconds)
        self._begins()
        self.is_switched = True
        await self._answer.flush()


def _fault_of_replica(error: Exception) -> Refused:
    lost = isinstance(error, OSError)
    cause = Cause.CONNECTION_LOST if lost else Cause.BAD_RESPONSE
    what = "closed the connection" if lost else f"sent a response that is not valid HTTP ({error})"
    message = f"The replica {what}. The request may have been executed and was not tried again."
    return Refused(cause, message, status=502, retry_after_seconds=None)
