"""The body of one request: kept in memory within bounds while it is held, then passed on as it comes."""

import asyncio
from collections.abc import Callable

import h11

from poolkeeper.activator.budget import Budget
from poolkeeper.activator.connection import Connection
from poolkeeper.activator.head import bad_request
from poolkeeper.activator.limits import Limits
from poolkeeper.activator.refusals import ClientGone

Event = h11.Data | h11.EndOfMessage


class RequestBody:
    """What has come of a body so far. Where memory is short the rest stays with the client."""

    def __init__(
        self, http: h11.Connection, connection: Connection, limits: Limits, budgets: tuple[Budget, ...]
    ) -> None:
        self._http = http
        self._connection = connection
        self._limits = limits
        self._budgets = budgets
        self.size = 0
        self.events: list[Event] = []

    @property
    def is_complete(self) -> bool:
        """Whether its end has come."""
        return bool(self.events) and isinstance(self.events[-1], h11.EndOfMessage)

    async def fill(self, is_wanted: Callable[[], bool]) -> None:
        """Keep what is here, and wait for more until it is complete, must grow no further, or is unwanted.

        Raises RemoteProtocolError where it is no HTTP: best before anything of the request has been sent.
        """
        while not self.is_complete and self._may_grow():
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if not is_wanted() or not await self._receive():
                    return
            else:
                self._keep(event)
        if not self.is_complete:
            self._connection.pause()

    async def next(self) -> Event:
        """The next part that was not kept; raises ClientGone."""
        while True:
            event = self._http.next_event()
            if isinstance(event, Event):
                return event
            await self._receive()

    def release(self) -> None:
        """Forget what was kept."""
        for budget in self._budgets:
            budget.give_back(self.size)
        self.size = 0
        self.events = []

    def _may_grow(self) -> bool:
        return self.size < self._limits.body_bytes and all(budget.has_room for budget in self._budgets)

    def _keep(self, event: object) -> None:
        if not isinstance(event, Event):
            raise ClientGone
        self.events.append(event)
        if isinstance(event, h11.Data):
            self.size += len(event.data)
            for budget in self._budgets:
                budget.add(len(event.data))

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
