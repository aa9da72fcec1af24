"""Where the requests of one pool wait for a replica: the rules of `line` with timers, metrics and waiters."""

import asyncio
from collections.abc import Callable

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.line import Line, Ticket
from poolkeeper.activator.net.refusals import Cause, ClientGone
from poolkeeper.activator.observing.metrics import PoolMetrics
from poolkeeper.api.activation import PoolReport, PoolRoute

Changed = Callable[[], None]
"""Called whenever what waits or is at a replica has changed."""


class Gate:
    """The gate of one pool in one activator. Not thread-safe: it lives on one event loop."""

    def __init__(self, route: PoolRoute, total: Budget, metrics: PoolMetrics, changed: Changed) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = changed
        self.line = Line(route, total, self._loop.time())
        """The rules; what decides of tickets goes through the methods here, so that waiters are woken."""
        self._retry: asyncio.TimerHandle | None = None
        self._backend_ports: dict[int, int] = {}
        self.metrics = metrics
        self.bytes = Budget(route.held_bytes)
        self.update(route)

    @property
    def route(self) -> PoolRoute:
        """What the latest table says of the pool."""
        return self.line.route

    def update(self, route: PoolRoute) -> None:
        """Take over a newer route."""
        self._backend_ports |= {port.listen_port: port.backend_port for port in route.ports}
        self.bytes.most = route.held_bytes
        now = self._loop.time()
        self.line.update(route, now)
        self.settle(now)

    def backend_port(self, listen_port: int) -> int:
        """The replicas' port behind a port of this activator, also after the pool has lost that port."""
        return self._backend_ports[listen_port]

    def accepted(self, address: str) -> None:
        """A replica accepted a connection; the controller hears it where that is a proof it waits for."""
        if address in self.line.unproven:
            self.line.accepted(address)
            self._changed()

    def connected(self, ticket: Ticket) -> None:
        """A request has a connection to its replica."""
        self.line.connected(ticket)
        self._changed()

    def refuse_all(self, cause: Cause, message: str) -> None:
        """Refuse every request that waits."""
        now = self._loop.time()
        self.line.refuse_all(cause, message, now)
        self.settle(now)

    def enter(self, client: str, *, body_bytes: int = 0, limit_seconds: float | None = None) -> "Place":
        """A place for a new request; raises Refused."""
        now = self._loop.time()
        try:
            ticket = self.line.enter(client, now, body_bytes=body_bytes, limit_seconds=limit_seconds)
        finally:
            self.settle(now)  # a refused client may now be expected back, and another one have given way
        return Place(self, ticket)

    def report(self) -> PoolReport:
        """What the controller needs to know."""
        return self.line.report(self._loop.time())

    def settle(self, now: float) -> None:
        """Wake the tasks whose wait has ended, and set the timer for the end of a replica's pause.

        `now` is the time that the line was given: with a later one a pause could end unnoticed in between.
        """
        decided, self.line.decided = self.line.decided, []
        for ticket in decided:
            if ticket.on_decided is not None:
                ticket.on_decided()
        self.metrics.held(self.line.waiting)
        self._changed()
        if self._retry is None and (at := self.line.next_release_at(now)) is not None:
            self._retry = self._loop.call_at(at, self._pause_is_over)

    def _pause_is_over(self) -> None:
        """Forget the timer first: timers of uvloop fire a moment early, and must then be set again."""
        self._retry = None
        now = self._loop.time()
        self.line.release(now)
        self.settle(now)


class Place:
    """One request's place at the gate, from its arrival until it has ended."""

    def __init__(self, gate: Gate, ticket: Ticket) -> None:
        self._gate = gate
        self._ticket = ticket
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_answered = False
        self.on_decided: Callable[[], None] | None = None
        """Called when the wait ends, for a task that waits for something else at the same time."""
        ticket.on_decided = self._wake
        self._watch_deadline()

    @property
    def waited_seconds(self) -> float:
        """Since the request came."""
        return self._loop.time() - self._ticket.arrived_at

    @property
    def is_decided(self) -> bool:
        """Whether the wait has ended: with a replica, with a refusal, or because the client left."""
        return not self._ticket.waits

    @property
    def has_left(self) -> bool:
        """Whether the request has ended, or its client has left."""
        return self._ticket.has_left

    async def until_decided(self, seconds: float | None = None) -> bool:
        """Wait until the wait has ended; False if it has not after so many seconds."""
        if not self.is_decided:
            self._waiter = self._loop.create_future()
            if seconds is None:
                await self._waiter
            else:
                await asyncio.wait((self._waiter,), timeout=seconds)
        return self.is_decided

    def replica(self) -> str:
        """The address of the replica that takes the request; raises Refused and ClientGone."""
        if self._ticket.refused is not None:
            raise self._ticket.refused
        if self._ticket.granted is None:
            raise ClientGone
        return self._ticket.granted

    def connected(self) -> None:
        """The replica accepted a connection: only now is the request released."""
        self._gate.connected(self._ticket)
        self._gate.metrics.released(self.waited_seconds)

    def not_connected(self, *, pause_seconds: float) -> None:
        """The replica accepted no connection: the request waits again, and the replica gets a pause."""
        now = self._loop.time()
        self._gate.line.send_back(self._ticket, now, pause_seconds=pause_seconds)
        self._watch_deadline()
        self._gate.settle(now)

    def answer_begins(self) -> None:
        """The first byte of a replica's answer goes to the client; may be called again without effect."""
        if self._ticket.was_held and not self._is_answered:
            self._gate.metrics.cold_start(self.waited_seconds)
        self._is_answered = True

    def rest(self) -> None:
        """A spliced connection has no open request at the moment: its slot is free for others."""
        now = self._loop.time()
        self._gate.line.rest(self._ticket, now)
        self._gate.settle(now)

    def resume(self) -> None:
        """A request came on a connection that rested."""
        self._gate.line.resume(self._ticket)
        self._gate.settle(self._loop.time())

    def leave(self, *, completed: bool = False) -> None:
        """The request has ended, in whatever way; may be called again without effect."""
        if not self._ticket.has_left:
            if self._deadline is not None:
                self._deadline.cancel()
            now = self._loop.time()
            self._gate.line.leave(self._ticket, now, completed=completed)
            self._gate.settle(now)

    def abandon(self) -> None:
        """The client has left: a task that waits for a replica gets ClientGone."""
        self.leave()
        self._wake()

    def _watch_deadline(self) -> None:
        if self._deadline is None and not self.is_decided:
            self._deadline = self._loop.call_at(self._ticket.expires_at, self._time_is_up)

    def _time_is_up(self) -> None:
        """A raised budget may have moved the deadline, and timers of uvloop fire a moment early."""
        self._deadline = None
        if not self.is_decided:
            now = self._loop.time()
            self._gate.line.expire(self._ticket, now)
            self._watch_deadline()
            self._gate.settle(now)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.on_decided is not None:
            self.on_decided()
