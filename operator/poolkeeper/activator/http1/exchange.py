"""Carries one HTTP/1 request to one replica, and its response back. Nothing is ever sent a second time."""

import asyncio
import contextlib
from collections.abc import Callable

import h11

from poolkeeper.activator.http1 import head
from poolkeeper.activator.http1.answer import Answer
from poolkeeper.activator.http1.body import RequestBody
from poolkeeper.activator.http1.outgoing import Outgoing
from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.refusals import Cause, ClientGone, Refused


class Exchange:
    """One request on one fresh connection to a replica."""

    def __init__(
        self,
        request: Outgoing,
        replica: Connection,
        answer: Answer,
        *,
        begins: Callable[[], None],
        waited_seconds: float,
        closes: bool,
    ) -> None:
        self._request = request
        self._begins = begins
        self._replica = replica
        self._answer = answer
        self._waited_seconds = waited_seconds
        self._closes = closes
        self._http = request.reader()
        self._fault_of_client: Refused | None = None
        self.is_switched = False

    async def run(self, body: RequestBody) -> None:
        """Send the request and pass on the response; raises Refused while nothing of it was passed on."""
        upload = None
        try:
            upload = await self._send_what_is_here(body)
            await self._receive()
        except (h11.ProtocolError, OSError) as error:
            self._fail(error)
        finally:
            if upload is not None:
                upload.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await upload

    async def _send_what_is_here(self, body: RequestBody) -> asyncio.Task[None] | None:
        data = b"".join([self._request.head, *(self._request.part(event) for event in body.events)])
        is_complete = body.is_complete
        body.release()
        with contextlib.suppress(OSError):  # it may have answered before it closed: see what can be read
            await self._replica.write(data)
        return None if is_complete else asyncio.create_task(self._upload(body))

    async def _upload(self, body: RequestBody) -> None:
        try:
            while True:
                event = await body.next()
                await self._replica.write(self._request.part(event))
                if isinstance(event, h11.EndOfMessage):
                    return
        except (Refused, h11.RemoteProtocolError) as fault:
            refused = (
                fault if isinstance(fault, Refused) else head.bad_request(f"The body is no HTTP: {fault}.")
            )
            self._fault_of_client = refused
            self._replica.abort()  # with a reset, so that half a body can't pass for a whole one
        except (ClientGone, OSError):
            return  # the client's end aborts the exchange; a replica that reads no more may still answer

    async def _receive(self) -> None:
        while not self._answer.is_complete:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._answer.flush()
                self._http.receive_data(await self._replica.read() or b"")
            else:
                self._pass_on(event)
        await self._answer.flush()

    def _pass_on(self, event: object) -> None:
        match event:
            case h11.InformationalResponse(status_code=101):
                self._answer.switch(event, self._waited_seconds)
                self._begins()
                self.is_switched = True
                self._replica.unread(self._http.trailing_data[0])
            case h11.InformationalResponse():
                self._answer.inform(event)
            case h11.Response():
                self._answer.begin(event, waited_seconds=self._waited_seconds, closes=self._closes)
                self._begins()
            case h11.Data():
                self._answer.data(bytes(event.data))
            case h11.EndOfMessage():
                self._answer.end(event.headers.raw_items())
            case _:
                raise h11.RemoteProtocolError("the replica closed the connection without a response")

    def _fail(self, error: Exception) -> None:
        if self._fault_of_client is not None:
            raise self._fault_of_client
        is_ours = isinstance(error, h11.LocalProtocolError)
        lost = not is_ours and (isinstance(error, OSError) or self._replica.ended)
        cause = Cause.CONNECTION_LOST if lost else Cause.BAD_RESPONSE
        what = "closed the connection" if lost else "sent something that is no HTTP"
        if is_ours:
            what = f"sent something that can't be passed on ({error})"
        message = f"The replica {what}. The request may have been executed and was not tried again."
        raise Refused(cause, message, status=502, retry_after_seconds=None) from error
