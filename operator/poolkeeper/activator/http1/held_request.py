"""One HTTP/1 request from its head to the end of its answer."""

import asyncio

from poolkeeper.activator.gate.budget import Charge
from poolkeeper.activator.gate.deadlines import stated_seconds
from poolkeeper.activator.gate.gate import Gate
from poolkeeper.activator.http1 import head
from poolkeeper.activator.http1.answer import Answer
from poolkeeper.activator.http1.body import RequestBody
from poolkeeper.activator.http1.exchange import Exchange
from poolkeeper.activator.http1.messages import RequestHead
from poolkeeper.activator.net.connection import Connection
from poolkeeper.activator.net.refusals import ClientGone, Refused
from poolkeeper.activator.net.splice import splice
from poolkeeper.activator.observing.access_log import AccessEntry, path_only
from poolkeeper.activator.routing.shared import Shared
from poolkeeper.activator.routing.visit import Visit


class HeldRequest:
    """Waits at the pool's gate, then goes to exactly one replica."""

    def __init__(
        self, shared: Shared, gate: Gate, connection: Connection, request: RequestHead, head_charge: Charge
    ) -> None:
        self._shared = shared
        self._gate = gate
        self._connection = connection
        self._request = request
        self._body = RequestBody(
            request,
            connection,
            shared.limits,
            head_charge=head_charge,
            charge=Charge(shared.budgets.body_bytes, gate.bytes),
        )
        self._answer = Answer(connection, request)
        self._visit: Visit | None = None
        self._loop = asyncio.get_running_loop()
        self._log = AccessEntry(
            gate.route.key, request.method.decode("ascii"), path_only(request.target), connection.peer
        )

    async def serve(self) -> bool:
        """Whether the connection can take another request.

        Raises ClientGone where the client left, or got less than a whole answer and must be cut off.
        """
        began = self._loop.time()
        try:
            await self._pass_through_gate()
            self._log.outcome = "Answered"
        except Refused as refused:
            self._gate.metrics.refused(refused.cause)
            self._log.outcome = refused.cause.value
            if self._visit is not None and not self._log.replica:
                self._log.waited_seconds = self._visit.place.waited_seconds
            await self._refuse(refused)
        except (ClientGone, OSError):
            self._gate.metrics.abandoned()
            self._log.outcome = "ClientGone"
            raise ClientGone from None
        finally:
            self._log.status, self._log.sent_bytes = self._answer.status, self._answer.sent_bytes
            self._log.total_seconds = self._loop.time() - began
            self._log.write()
        return self._answer.is_complete and self._answer.keeps_connection and self._body.is_complete

    async def _pass_through_gate(self) -> None:
        values = self._request.values
        place = self._gate.enter(
            head.client_of(self._gate.route, values, self._connection.peer),
            body_bytes=int(values.get("content-length", "0")),
            limit_seconds=stated_seconds(values),
        )
        visit = self._visit = Visit(self._gate, place, self._connection, self._shared.limits)
        try:
            # The body is collected while the request waits: this ends with a replica or a refusal.
            place.on_decided = self._connection.interrupt
            await self._body.fill(lambda: not place.is_decided)
            place.on_decided = None
            replica = await visit.reach(lambda: self._until_decided(visit))
            self._log.replica, self._log.waited_seconds = visit.address, place.waited_seconds
            await self._exchange(replica, visit)
        finally:
            self._body.release()
            visit.end(completed=self._answer.is_complete)

    async def _until_decided(self, visit: Visit) -> None:
        seconds = self._gate.route.heartbeat_seconds if self._takes_heartbeats else 0
        with self._shared.hang_ups.watching(self._connection):
            while not await visit.place.until_decided(seconds or None):
                self._answer.heartbeat()
                await self._answer.flush()

    @property
    def _takes_heartbeats(self) -> bool:
        """Answers to HEAD have no body, and a WebSocket can't be opened any more after a status of 200."""
        return (
            head.accepts_event_stream(self._request.values)
            and self._request.method != b"HEAD"
            and not head.wants_websocket(self._request)
        )

    async def _exchange(self, replica: Connection, visit: Visit) -> None:
        exchange = Exchange(
            self._request,
            self._body,
            replica,
            self._answer,
            begins=visit.place.answer_begins,
            waited_seconds=self._log.waited_seconds,
            closes=self._gate.route.redirects_to_pods or self._shared.pools.is_stopping,
        )
        try:
            await exchange.run(self._connection.peer)
        except Refused:
            if self._connection.ended or self._connection.transport.is_closing():
                raise ClientGone from None
            raise
        if exchange.is_switched:
            self._connection.on_end = None  # one end's close is passed on to the other
            await splice(self._connection, replica)
        await visit.close_replica()

    async def _refuse(self, refused: Refused) -> None:
        if not self._answer.can_still_refuse:
            raise ClientGone  # a cut connection is the only way left to say that the answer is not whole
        self._answer.refuse(refused, waited_seconds=self._log.waited_seconds)
        await self._answer.flush()
