"""What one client gets: a replica's response, an answer of our own, or an event stream begun before both."""

import json

import h11

from poolkeeper.activator.http1 import head
from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.refusals import Refused

MOST_ERROR_BYTES = 64 * 1024
_EVENT_STREAM = b"text/event-stream"


class Answer:
    """The sending half of one HTTP/1 exchange with a client. Nothing is sent before `flush`."""

    def __init__(self, http: h11.Connection, connection: Connection, *, is_http_1_1: bool) -> None:
        self._http = http
        self._connection = connection
        self._is_http_1_1 = is_http_1_1
        self._pending = bytearray()
        self._streams_already = False
        self._replica_has_begun = False
        self._error: bytearray | None = None
        self.status = 0
        self.sent_bytes = 0
        self.is_complete = False

    @property
    def can_still_refuse(self) -> bool:
        """Whether an answer of our own can be told from the replica's."""
        if not self.status:
            return True
        return self._streams_already and not self._replica_has_begun and self._http.our_state is not h11.ERROR

    def inform(self, event: h11.InformationalResponse) -> None:
        """Pass on a 1xx; HTTP/1.0 clients don't know them."""
        if self._is_http_1_1 and not self.status:
            self._send(event)

    def heartbeat(self) -> None:
        """Tell a client that accepts event streams that its request is held; the status is then 200."""
        if not self.status:
            self._streams_already = True
            self.status = 200
            headers = [
                (b"Content-Type", _EVENT_STREAM),
                (b"Cache-Control", b"no-cache"),
                (b"Connection", b"close"),
            ]
            self._send(h11.Response(status_code=200, headers=headers))
        self._send(h11.Data(data=b": waiting for a replica\n\n"))

    def begin(self, response: h11.Response, *, waited_seconds: float, closes: bool) -> None:
        """The replica's status and headers."""
        if not self._streams_already:
            # Sent first: what can't be rebuilt has not begun, and a 502 can still be told from it.
            self._send(head.for_client(response, waited_seconds=waited_seconds, closes=closes))
            self.status = response.status_code
            self._replica_has_begun = True
            return
        self._replica_has_begun = True
        self._send(h11.Data(data=b": cold start %.3f s\n\n" % waited_seconds))
        kinds = [value for name, value in response.headers if name == b"content-type"]
        if response.status_code != 200 or not any(kind.startswith(_EVENT_STREAM) for kind in kinds):
            self._error = bytearray()

    def data(self, data: bytes) -> None:
        """A part of the replica's body."""
        if self._error is None:
            self.sent_bytes += len(data)
            self._send(h11.Data(data=data))
        elif len(self._error) < MOST_ERROR_BYTES:
            self._error += data

    def end(self, trailers: list[head.Header]) -> None:
        """The replica's response is complete."""
        if self._error is not None:
            self._send(h11.Data(data=_as_event(bytes(self._error))))
        passes_trailers = self._is_http_1_1 and not self._streams_already
        self._finish(head.trailers(trailers) if passes_trailers else [])

    def refuse(self, refused: Refused, *, waited_seconds: float) -> None:
        """An answer of our own, in the shape that OpenAI's clients show to their users."""
        error = {"message": refused.message, "type": "poolkeeper", "code": refused.cause.value}
        body = json.dumps({"error": error}).encode()
        if self._streams_already:
            self._send(h11.Data(data=_as_event(body)))
        else:
            if self._http.our_state is h11.ERROR:
                # It takes nothing more since it refused what was to be sent; of that not a byte has left.
                self._http = h11.Connection(h11.SERVER)
            self.status = refused.status
            headers = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
            if refused.retry_after_seconds is not None:
                headers.append((b"Retry-After", b"%d" % refused.retry_after_seconds))
            headers += [(head.COLD_START, b"%.3f" % waited_seconds), (b"Connection", b"close")]
            self._send(h11.Response(status_code=refused.status, headers=headers))
            self._send(h11.Data(data=body))
        self._finish([])

    def switch(self, response: h11.InformationalResponse, waited_seconds: float) -> None:
        """The replica agreed to another protocol: what follows is no longer HTTP."""
        self._send(head.for_switch(response, waited_seconds))
        self.status = 101
        self.is_complete = True

    async def flush(self) -> None:
        """Send what has gathered, at the pace of the client."""
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            await self._connection.write(data)

    def _finish(self, trailers: list[head.Header]) -> None:
        self._send(h11.EndOfMessage(headers=trailers))
        self.is_complete = True

    def _send(self, event: h11.Event) -> None:
        self._pending += self._http.send(event) or b""


def _as_event(body: bytes) -> bytes:
    lines = body.decode("utf-8", "replace").splitlines() or [""]
    return ("event: error\n" + "".join(f"data: {line}\n" for line in lines) + "\n").encode()
