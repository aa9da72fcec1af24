"""The body of one request: kept in memory within bounds while it is held, then passed on as it comes."""

import asyncio
from collections.abc import Callable

import h11

from poolkeeper.activator.gate.budget import Charge
from poolkeeper.activator.http1.head import bad_request
from poolkeeper.activator.net.connection import FLOW_BYTES, HELD_BYTES, WAITING_BYTES, Connection
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import ClientGone

Event = h11.Data | h11.EndOfMessage


class RequestBody:
    """What has come of a body so far. Where memory is short the rest stays with the client."""

    def __init__(
        self,
        http: h11.Connection,
        connection: Connection,
        limits: Limits,
        head_charge: Charge,
        charge: Charge,
        *,
        is_empty: bool,
    ) -> None:
        self._is_empty = is_empty
        self._http = http
        self._connection = connection
        self._limits = limits
        self._head_charge = head_charge
        self._head_bytes = head_charge.amount - len(http.trailing_data[0])
        self._charge = charge
        self._kept = bytearray()
        self._end: h11.EndOfMessage | None = None

    @property
    def is_complete(self) -> bool:
        """Whether its end has come."""
        return self._end is not None

    @property
    def events(self) -> list[Event]:
        """What was kept."""
        data: list[Event] = [h11.Data(data=bytes(self._kept))] if self._kept else []
        return data if self._end is None else [*data, self._end]

    async def fill(self, is_wanted: Callable[[], bool]) -> None:
        """Keep what is here, and wait for more until it is complete, must grow no further, or is unwanted.

        Raises RemoteProtocolError where it is no HTTP: best before anything of the request has been sent.
        """
        while not self.is_complete and self._may_grow():
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if not is_wanted():
                    return
                self._count_what_is_unparsed()
                if not self._charge.reserve(2 * HELD_BYTES):
                    break
                # Taken up before the bytes come: many bodies growing at once would each exceed the bound.
                try:
                    if not await self._receive():
                        return
                finally:
                    self._charge.set(len(self._kept))
            else:
                self._keep(event)
        self._count_what_is_unparsed()
        if self.is_complete:
            self._connection.most_read = WAITING_BYTES
        else:
            self._connection.pause()

    async def next(self) -> Event:
        """The next part that was not kept; raises ClientGone."""
        self._connection.most_read = FLOW_BYTES
        while True:
            event = self._http.next_event()
            if isinstance(event, Event):
                return event
            await self._receive()

    def release(self) -> None:
        """Forget what was kept."""
        self._charge.release()
        self._kept = bytearray()
        self._end = None

    def _may_grow(self) -> bool:
        has_room = len(self._kept) < self._limits.body_bytes and self._charge.may_grow
        return has_room or self._is_empty  # its end takes no room, and only then is a hang-up seen at once

    def _count_what_is_unparsed(self) -> None:
        self._head_charge.set(self._head_bytes + len(self._http.trailing_data[0]))

    def _keep(self, event: object) -> None:
        """Data is joined: a body of a million chunks of one byte must not become a million objects."""
        if isinstance(event, h11.Data):
            self._kept += event.data
            self._charge.set(len(self._kept))
        elif isinstance(event, h11.EndOfMessage):
            self._end = event
        else:
            raise ClientGone

    async def _receive(self) -> bool:
        """Feed the parser; False if interrupted. A client that waits for 100 Continue may take its time."""
        patience = None if self._http.they_are_waiting_for_100_continue else self._limits.body_seconds
        try:
            async with asyncio.timeout(patience):
                data = await self._connection.read()
        except TimeoutError:
            raise bad_request(f"The body stood still for {patience:.0f} s.", 408) from None
        if data is None:
            return False
        if not data:
            raise ClientGone
        self._http.receive_data(data)
        return True
