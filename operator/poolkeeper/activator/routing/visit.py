"""One request's way through the gate to a replica, until the request has ended or its client has left."""

import asyncio
from collections.abc import Awaitable, Callable

from poolkeeper.activator.gate.gate import Gate, Place
from poolkeeper.activator.net.connection import Connection, connect
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import ClientGone


class Visit:
    """Holds a place at the gate, and later a connection to a replica; `end` gives back both."""

    def __init__(self, gate: Gate, place: Place, client: Connection, limits: Limits) -> None:
        self.place = place
        self.address = ""
        """The replica's address, once it has accepted a connection."""
        self._gate = gate
        self._client = client
        self._limits = limits
        self._replica: Connection | None = None
        client.on_end = self._client_left
        if client.ended:
            self._client_left()

    async def reach(self, until_decided: Callable[[], Awaitable[object]]) -> Connection:
        """A connection to a replica; raises Refused and ClientGone. `until_decided` waits at the gate.

        A replica that accepts no connection, or closes it before anything was sent, is passed over: a pod
        that is ready may not yet, or no longer, listen. Nothing was sent to it, so this is no second
        execution. The port is looked up each time: a Service may have been edited while the request waited.
        """
        while True:
            await until_decided()
            address = self.place.replica()
            try:
                port = self._gate.backend_port(self._client.local_port)
                self._replica = await self._connect(address, port)
            except OSError:
                self.place.not_connected(pause_seconds=self._limits.refused_pause_seconds)
            else:
                if self.place.has_left:
                    raise ClientGone
                self.address = address
                self.place.connected()
                return self._replica

    async def _connect(self, address: str, port: int) -> Connection:
        """Raises OSError. What stands before a model that loads may accept, and close a moment later."""
        replica = await connect(address, port, self._limits.connect_seconds)
        if self._gate.line.may_refuse(address):
            await asyncio.sleep(self._limits.acceptance_seconds)
        if replica.has_hung_up():
            replica.abort()
            raise ConnectionResetError("the replica closed the connection before anything was sent")
        return replica

    async def close_replica(self) -> None:
        """The exchange is over: close the connection to the replica in order."""
        if self._replica is not None:
            replica, self._replica = self._replica, None
            await replica.close()

    def end(self, *, completed: bool) -> None:
        """Leave the gate; a replica that still works on the request is cut off."""
        self._client.on_end = None
        self.place.leave(completed=completed)
        if self._replica is not None:
            self._replica.abort()

    def _client_left(self) -> None:
        self.place.abandon()
        if self._replica is not None:
            self._replica.abort()
