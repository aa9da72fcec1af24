"""What one client gets: a replica's response, an answer of our own, or an event stream begun before both."""

import json
from collections.abc import Sequence

from poolkeeper.activator.http1 import framing, head
from poolkeeper.activator.http1.messages import Header, RequestHead, ResponseHead
from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.refusals import Refused

MOST_ERROR_BYTES = 64 * 1024
_EVENT_STREAM = "text/event-stream"


class Answer:
    """The sending half of one HTTP/1 exchange with a client. Nothing is sent before `flush`."""

    def __init__(self, connection: Connection, request: RequestHead | None) -> None:
        """`request` is None where none could be read: the answer can then only be a refusal."""
        self._connection = connection
        self._is_http_1_1 = request is not None and request.is_http_1_1
        self._is_to_head = request is not None and request.method == b"HEAD"
        self._is_chunked = False
        self._pending = bytearray()
        self.streams_already = False
        """Whether heartbeats have begun an event stream, before the replica's head is known."""
        self._replica_has_begun = False
        self._error: bytearray | None = None
        self.keeps_connection = request is not None and head.keeps_connection(request)
        self.status = 0
        self.sent_bytes = 0
        self.is_complete = False

    @property
    def can_still_refuse(self) -> bool:
        """Whether a client can tell an answer of our own from the replica's."""
        return not self.status or (self.streams_already and not self._replica_has_begun)

    def inform(self, response: ResponseHead) -> None:
        """Pass on a 1xx; HTTP/1.0 clients don't know them."""
        if self._is_http_1_1 and not self.status:
            self._pending += head.status_line(response.status, response.reason)
            self._pending += framing.lines(response.fields) + b"\r\n"

    def heartbeat(self) -> None:
        """Let a client that accepts event streams see that its request is held; the status is then 200."""
        if not self.status:
            self.streams_already = True
            self.status = 200
            self.keeps_connection = False
            self._is_chunked = self._is_http_1_1
            self._pending += head.status_line(200, b"OK") + (
                b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n"
            )
            self._pending += b"Transfer-Encoding: chunked\r\n\r\n" if self._is_chunked else b"\r\n"
        self._write(b": waiting for a replica\n\n")

    def begin(self, response: ResponseHead, *, waited_seconds: float, closes: bool) -> None:
        """The replica's status and headers; `closes`: the client is to open a new connection afterwards."""
        self._replica_has_begun = True
        if self.streams_already:
            self._write(b": cold start %.3f s\n\n" % waited_seconds)
            kind = response.values.get("content-type", "")
            if response.status != 200 or not kind.startswith(_EVENT_STREAM):
                self._error = bytearray()
            return
        states_length = head.has_length(response)
        self._is_chunked = not states_length and self._is_http_1_1
        self.keeps_connection &= not closes and (states_length or self._is_chunked)
        self.status = response.status
        self._pending += head.for_client(
            response,
            waited_seconds=waited_seconds,
            is_chunked=self._is_chunked,
            closes=not self.keeps_connection,
        )
        self._is_chunked &= not self._is_to_head

    def data(self, data: bytes) -> None:
        """A part of the replica's body."""
        if self._error is None:
            self.sent_bytes += len(data)
            self._write(data)
        elif len(self._error) < MOST_ERROR_BYTES:
            self._error += data

    def end(self, trailers: Sequence[Header]) -> None:
        """The replica's response is complete."""
        if self._error is not None:
            self._write(_as_event(bytes(self._error)))
        self._finish([] if self.streams_already else head.trailers(trailers))

    def refuse(self, refused: Refused, *, waited_seconds: float) -> None:
        """An answer of our own, in the shape that OpenAI's clients show to their users."""
        error = {"message": refused.message, "type": "poolkeeper", "code": refused.cause.value}
        body = json.dumps({"error": error}).encode()
        if self.streams_already:
            self._write(_as_event(body))
        else:
            self.status = refused.status
            self._pending += head.for_refusal(refused, len(body), waited_seconds)
            self._pending += b"" if self._is_to_head else body
        self.keeps_connection = False
        self._finish([])

    def switch(self, response: ResponseHead, waited_seconds: float) -> None:
        """The replica agreed to another protocol: what follows is no longer HTTP."""
        self._pending += head.for_switch(response, waited_seconds)
        self.status = 101
        self.keeps_connection = False
        self.is_complete = True

    async def flush(self) -> None:
        """Send what has gathered, at the pace of the client."""
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            await self._connection.write(data)

    def _write(self, content: bytes) -> None:
        self._pending += framing.chunk(content) if self._is_chunked and content else content

    def _finish(self, trailers: Sequence[Header]) -> None:
        if self._is_chunked:
            self._pending += framing.last_chunk(trailers)
        self.is_complete = True


def _as_event(body: bytes) -> bytes:
    lines = body.decode("utf-8", "replace").splitlines() or [""]
    return ("event: error\n" + "".join(f"data: {line}\n" for line in lines) + "\n").encode()
