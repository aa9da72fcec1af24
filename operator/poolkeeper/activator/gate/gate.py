"""Where the requests of one pool wait for a replica, in fair order, and leave at the replicas' pace."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.deadlines import retry_after_seconds
from poolkeeper.activator.gate.fair_queue import FairQueue
from poolkeeper.activator.gate.replica_slots import ReplicaSlots
from poolkeeper.activator.gate.waiting import WaitingAges
from poolkeeper.activator.net.refusals import Cause, Refused
from poolkeeper.activator.observing.metrics import PoolMetrics
from poolkeeper.api.activation import PoolReport, PoolRoute

QUANTUM = 1
BYTES_PER_COST = 128 * 1024
MOST_COST = 8
MOST_EXPECTED_BACK = 1_000
LEAST_BACK_SECONDS = 5.0
"""How long a client that was told to come back is waited for, however soon it was told to."""
MOST_STATED_SECONDS = 3600.0
"""A client that states more would keep its place long after anybody waits for the answer."""


Changed = Callable[[], None]
"""Called whenever what waits or is being worked on has changed."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request's place: `replica` resolves to a replica's address, or fails with Refused.

    `goes_by_budget` says that the request states no time limit of its own.
    """

    client: str
    cost: int
    arrived_at: float
    replica: asyncio.Future[str]
    expires_at: float
    goes_by_budget: bool
    deadline: asyncio.TimerHandle | None = None
    has_left: bool = False
    was_held: bool = False
    is_answered: bool = False
    granted: str | None = None
    rests_at: str | None = None
    on_decided: Callable[[], None] | None = field(default=None, repr=False)


class Gate:
    """The waiting room of one pool in one activator. Not thread-safe: it lives on one event loop."""

    def __init__(self, route: PoolRoute, total: Budget, metrics: PoolMetrics, changed: Changed) -> None:
        self._loop = asyncio.get_running_loop()
        self._total = total
        self._changed = changed
        self.metrics = metrics
        self._queue: FairQueue[Ticket] = FairQueue(QUANTUM)
        self._slots = ReplicaSlots()
        self._ages = WaitingAges()
        self._expected_back: dict[str, float] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._closed: tuple[Cause, str] | None = None
        self._arrived = self._completed = self._in_flight = 0
        self._backend_ports: dict[int, int] = {}
        self.bytes = Budget(route.held_bytes)
        self.update(route)

    def update(self, route: PoolRoute) -> None:
        """Take over a newer route and let go whom it has room for."""
        self.route = route
        self._backend_ports |= {port.listen_port: port.backend_port for port in route.ports}
        self.bytes.resize(route.held_bytes)
        self._ready_at = (
            None if route.ready_in_seconds is None else self._loop.time() + route.ready_in_seconds
        )
        self._slots.update(route.replicas)
        self._let_go()

    def withdraw_replicas(self) -> None:
        """Count all replicas as gone: the controller was silent for too long to trust their addresses."""
        self._slots.update(())

    def backend_port(self, listen_port: int) -> int:
        """The replicas' port that one of ours stands for, also after it was taken from the pool."""
        return self._backend_ports[listen_port]

    def close(self, cause: Cause, message: str) -> None:
        """Refuse whoever comes from now on; who waits already goes on waiting."""
        self._closed = (cause, message)

    def reopen(self) -> None:
        """Take requests again."""
        self._closed = None

    @property
    def is_closed(self) -> bool:
        """Whether newcomers are refused."""
        return self._closed is not None

    @property
    def pool(self) -> tuple[str, str]:
        """Namespace and name of the pool."""
        return self.route.namespace, self.route.name

    @property
    def is_empty(self) -> bool:
        """Whether no request waits or is being worked on."""
        return not self._queue and not self._in_flight

    def enter(self, client: str, *, body_bytes: int = 0, limit_seconds: float | None = None) -> Ticket:
        """Queue a request that has just come; raises Refused where it can't be held or can't be in time."""
        if self._closed is not None:
            raise Refused(*self._closed, retry_after_seconds=self._retry_after())
        now = self._loop.time()
        self._arrived += 1
        hold_seconds = self.route.hold_seconds if limit_seconds is None else self._capped(limit_seconds)
        self._refuse_what_cannot_be_in_time(client, now, hold_seconds)
        self._reserve_place(client)
        cost = 1 + min(MOST_COST - 1, body_bytes // BYTES_PER_COST)
        replica, expires_at = self._loop.create_future(), now + hold_seconds
        ticket = Ticket(client, cost, now, replica, expires_at, goes_by_budget=limit_seconds is None)
        self._expected_back.pop(client, None)
        # Nobody waits and a slot is free: it would be the next in the queue and the only one.
        address = None if self._queue else self._slots.take(now)
        if address is not None:
            self._give(ticket, address)
            self._changed()
            return ticket
        self._queue.push(client, ticket, cost)
        self._now_waits(ticket)
        self._let_go()
        ticket.was_held = ticket.granted is None
        return ticket

    def taken(self, ticket: Ticket) -> None:
        """The replica accepted a connection; a grant that came to nothing is no release."""
        self.metrics.released(self._loop.time() - ticket.arrived_at)

    def answer_begins(self, ticket: Ticket) -> None:
        """The first byte of a replica's answer goes to the client; may be called again without effect."""
        if ticket.was_held and not ticket.is_answered:
            self.metrics.cold_start(self._loop.time() - ticket.arrived_at)
        ticket.is_answered = True

    def send_back(self, ticket: Ticket, *, pause_seconds: float) -> None:
        """The replica accepted no connection: the request is next again, and the replica gets a pause."""
        if ticket.granted is None:
            return
        self._slots.pause(ticket.granted, self._loop.time() + pause_seconds)
        self._end_grant(ticket)
        ticket.was_held = True
        ticket.replica = self._loop.create_future()
        self._queue.push_back_to_front(ticket.client, ticket)
        self._now_waits(ticket)
        if ticket.expires_at <= self._loop.time():
            self._time_is_up(ticket)
        self._let_go()

    def rests(self, ticket: Ticket) -> None:
        """A spliced connection has no open request at the moment: its slot is free for others."""
        if ticket.granted is not None and not ticket.rests_at:
            ticket.rests_at = ticket.granted
            self._end_grant(ticket)
            self._let_go()

    def works_again(self, ticket: Ticket) -> None:
        """A request came on a connection that rested; it is at the replica already, whatever its slots."""
        if ticket.rests_at is not None and not ticket.has_left:
            ticket.granted, ticket.rests_at = ticket.rests_at, None
            self._slots.take_at(ticket.granted)
            self._in_flight += 1
            self._arrived += 1
            self._changed()

    def leave(self, ticket: Ticket, *, completed: bool = False) -> None:
        """The request has ended, in whatever way; may be called again without effect."""
        if ticket.has_left:
            return
        ticket.has_left = True
        self._total.give_back(1)
        self._completed += completed
        if ticket.deadline is not None:
            ticket.deadline.cancel()
        if self._queue.discard(ticket.client, ticket):
            self._waits_no_longer(ticket)
        if ticket.granted is not None:
            self._end_grant(ticket)
            self._let_go()

    def refuse_all(self, cause: Cause, message: str) -> None:
        """Answer everybody who waits."""
        for ticket in list(self._queue):
            self._refuse(ticket, Refused(cause, message, retry_after_seconds=self._retry_after()))

    def report(self) -> PoolReport:
        """What the controller is told."""
        now = self._loop.time()
        self._expected_back = {who: until for who, until in self._expected_back.items() if until > now}
        return PoolReport(
            namespace=self.route.namespace,
            name=self.route.name,
            waiting=self._ages.report(now),
            expected_back=len(self._expected_back),
            in_flight=self._in_flight,
            at_replicas=dict(self._slots.taken),
            arrived=self._arrived,
            completed=self._completed,
        )

    def _refuse_what_cannot_be_in_time(self, client: str, now: float, hold_seconds: float) -> None:
        if self._slots.are_ready or self._ready_at is None or self._ready_at <= now + hold_seconds:
            return
        ready_in = self._ready_at - now
        retry_after = retry_after_seconds(ready_in)
        self._is_to_come_back(client, retry_after)
        message = (
            f"The model is at zero and expected to be ready in {ready_in:.0f} s; this request can't wait "
            f"longer than {hold_seconds:.0f} s. It is being started: try again after {retry_after} s."
        )
        raise Refused(Cause.NOT_READY_IN_TIME, message, retry_after_seconds=retry_after)

    def _is_to_come_back(self, client: str, after_seconds: int) -> None:
        """Count a client that is told so as demand until it should be here again.

        Else a start that outlasts its patience would be taken back the moment that nobody waits any more, and
        its next try would find the model as far from ready as the first.
        """
        if client in self._expected_back or len(self._expected_back) < MOST_EXPECTED_BACK:
            until = self._loop.time() + max(LEAST_BACK_SECONDS, 1.5 * after_seconds)
            self._expected_back[client] = until
            self._changed()

    def _capped(self, stated_seconds: float) -> float:
        return min(stated_seconds, max(MOST_STATED_SECONDS, self.route.hold_seconds))

    def _reserve_place(self, client: str) -> None:
        """Raises Refused; where another client has more places, its latest request gives way instead."""
        if not self._total.reserve(1):
            message = "Too many requests wait for models here already."
            raise Refused(Cause.ACTIVATOR_FULL, message, retry_after_seconds=self._retry_after())
        if len(self._queue) >= self.route.held_requests:
            message = f"{self.route.held_requests} requests wait for this model already."
            full = Refused(Cause.QUEUE_FULL, message, retry_after_seconds=self._retry_after())
            gives_way = self._queue.newest_of_greediest(client)
            if gives_way is None:
                self._total.give_back(1)
                raise full
            self._refuse(gives_way, full)

    def _retry_after(self) -> int:
        return retry_after_seconds(None if self._ready_at is None else self._ready_at - self._loop.time())

    def _time_is_up(self, ticket: Ticket) -> None:
        """Refuse it, unless the budget was raised meanwhile; one that is lowered breaks no older promise."""
        now, by_budget = self._loop.time(), ticket.arrived_at + self.route.hold_seconds
        if ticket.goes_by_budget and by_budget > max(now, ticket.expires_at):
            ticket.expires_at = by_budget
            ticket.deadline = self._loop.call_at(by_budget, self._time_is_up, ticket)
            return
        retry_after = self._retry_after()
        message = f"No replica was free within {now - ticket.arrived_at:.0f} s."
        if self._refuse(ticket, Refused(Cause.TIME_LIMIT, message, retry_after_seconds=retry_after)):
            self._is_to_come_back(ticket.client, retry_after)

    def _refuse(self, ticket: Ticket, refused: Refused) -> bool:
        """Answer a request that waits; False where it waits no longer."""
        if not self._queue.discard(ticket.client, ticket):
            return False
        self._waits_no_longer(ticket)
        ticket.replica.set_exception(refused)
        self._notify(ticket)
        return True

    def _let_go(self) -> None:
        now = self._loop.time()
        while self._queue and (address := self._slots.take(now)) is not None:
            ticket = self._queue.pop()
            if ticket is None:
                self._slots.give_back(address)
                return
            self._grant(ticket, address)
        if self._queue:
            self._look_again_after_pause(now)

    def _grant(self, ticket: Ticket, address: str) -> None:
        self._waits_no_longer(ticket)
        self._give(ticket, address)
        self._notify(ticket)

    def _give(self, ticket: Ticket, address: str) -> None:
        ticket.granted = address
        self._in_flight += 1
        ticket.replica.set_result(address)

    def _end_grant(self, ticket: Ticket) -> None:
        if ticket.granted is not None:
            self._slots.give_back(ticket.granted)
            self._in_flight -= 1
            ticket.granted = None
            self._changed()

    def _look_again_after_pause(self, now: float) -> None:
        until = self._slots.next_end_of_pause(now)
        if until is not None and self._retry is None:
            self._retry = self._loop.call_at(until, self._pause_is_over)

    def _pause_is_over(self) -> None:
        """Forget the timer first: one that fires a moment early, as uvloop's do, must be set again."""
        self._retry = None
        self._let_go()

    def _now_waits(self, ticket: Ticket) -> None:
        if ticket.deadline is None:
            ticket.deadline = self._loop.call_at(ticket.expires_at, self._time_is_up, ticket)
        self._ages.add(ticket.arrived_at)
        self.metrics.held(len(self._queue))
        self._changed()

    def _waits_no_longer(self, ticket: Ticket) -> None:
        self._ages.remove(ticket.arrived_at)
        self.metrics.held(len(self._queue))
        self._changed()

    @staticmethod
    def _notify(ticket: Ticket) -> None:
        if ticket.on_decided is not None:
            ticket.on_decided()
