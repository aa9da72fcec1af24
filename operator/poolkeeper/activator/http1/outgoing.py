"""A request on its way to a replica, as bytes.

h11 has read the request and let pass what it consists of. Having it written by h11 too would check every
value a second time, which costs as much as reading it.
"""

from collections.abc import Mapping

import h11

from poolkeeper.activator.http1 import head
from poolkeeper.activator.http1.body import Event

MOST_RESPONSE_HEAD_BYTES = 256 * 1024
_HOST = (b"Host", b"")
_PLAIN = h11.Request(method=b"GET", target=b"/", headers=[_HOST])
_HEAD = h11.Request(method=b"HEAD", target=b"/", headers=[_HOST])
_SWITCHING = h11.Request(
    method=b"GET",
    target=b"/",
    headers=[_HOST, (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")],
)


class Outgoing:
    """Its head, how its body is framed, and what the response is read by."""

    def __init__(self, request: h11.Request, headers: Mapping[str, str], client_address: str) -> None:
        self.head = head.for_replica(request, headers, client_address)
        self._is_chunked = "transfer-encoding" in headers
        switches = head.wants_websocket(headers)
        self._stands_for = _SWITCHING if switches else _HEAD if request.method == b"HEAD" else _PLAIN

    def part(self, event: Event) -> bytes:
        """A part of its body; h11 has counted that it is as long as its length says."""
        if isinstance(event, h11.Data):
            data = bytes(event.data)
            return b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked and data else data
        if not self._is_chunked:
            return b""
        trailers = head.trailers(event.headers.raw_items())
        return b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % each for each in trailers)

    def reader(self) -> h11.Connection:
        """What reads the response. It is told of a request for the two things on which that depends: whether
        a body can follow, and whether another protocol may."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_RESPONSE_HEAD_BYTES)
        http.send(self._stands_for)
        http.send(h11.EndOfMessage())
        return http
