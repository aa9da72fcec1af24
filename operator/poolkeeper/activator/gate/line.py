"""The rules of one pool's gate: which request waits, which goes to a replica, which is refused.

No timers and no event loop: methods take the time, in seconds of any clock that only grows, and put the
tickets that they have decided into `decided`. `gate` adds timers and wakes the tasks that wait.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.deadlines import retry_after_seconds
from poolkeeper.activator.gate.fair_queue import FairQueue
from poolkeeper.activator.gate.replica_slots import ReplicaSlots
from poolkeeper.activator.gate.waiting import WaitingAges
from poolkeeper.activator.net.refusals import ACTIVATOR_FULL, Cause, Refused
from poolkeeper.api.activation import PoolReport, PoolRoute

QUANTUM = 1
"""Cost that a client may spend in each of its turns."""
BYTES_PER_COST = 128 * 1024
"""A request costs 1, and 1 more for each of these bytes of its body."""
MOST_COST = 8
MOST_EXPECTED_BACK = 1_000
"""Clients of one pool that are remembered as coming back."""
LEAST_BACK_SECONDS = 5.0
"""A client that was refused with Retry-After is expected back for at least this long."""
BACK_FACTOR = 1.5
"""It is expected for so many times its Retry-After: clients add some delay of their own."""
MOST_STATED_SECONDS = 3600.0
"""Longest time limit of its own that a request is held for, unless the pool's budget is longer."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request in the line."""

    client: str
    cost: int
    """What it takes of that turn, from 1 to MOST_COST."""
    arrived_at: float
    expires_at: float
    """When it is refused if no replica has had a free slot."""
    follows_budget: bool
    """Whether it states no time limit of its own, so that a raised budget also holds for it."""
    granted: str | None = None
    """The replica at which it has a slot."""
    refused: Refused | None = None
    """Why it waits no longer, where it was refused."""
    rests_at: str | None = None
    """The replica of a spliced connection without an open request; the connection then has no slot."""
    was_held: bool = False
    has_left: bool = False
    """Whether it has ended, in whatever way."""
    on_decided: Callable[[], None] | None = field(default=None, repr=False)
    """What the owner of `decided` calls for it; the line itself never does."""

    @property
    def waits(self) -> bool:
        """Whether it is in the queue."""
        is_placed = self.granted is not None or self.rests_at is not None
        return not (is_placed or self.has_left or self.refused is not None)


class Line:
    """The requests of one pool in one activator, and the replicas' slots."""

    def __init__(self, route: PoolRoute, total: Budget, now: float) -> None:
        """`total` counts the requests of all pools of this activator."""
        self._total = total
        self._queue: FairQueue[Ticket] = FairQueue(QUANTUM)
        self._slots = ReplicaSlots()
        self._ages = WaitingAges()
        self._trying: set[Ticket] = set()
        """Requests with a slot at a replica that may not listen: they wait until it accepts a connection."""
        self._expected_back: dict[str, float] = {}
        self.closed: Refused | None = None
        """Refuses new requests while it is set; those that wait go on waiting."""
        self._arrived = self._completed = 0
        self.decided: list[Ticket] = []
        """Tickets that were granted a slot or refused; the owner empties it."""
        self.update(route, now)

    def update(self, route: PoolRoute, now: float) -> None:
        """Take over a newer route and release the requests that it has slots for."""
        self.route = route
        self._ready_at = None if route.ready_in_seconds is None else now + route.ready_in_seconds
        self._slots.update(route.replicas, route.unprobed)
        self.release(now)

    def withdraw_replicas(self) -> None:
        """Count all replicas as gone: the controller was silent for too long to trust their addresses."""
        self._slots.update(())

    @property
    def unproven(self) -> frozenset[str]:
        """Replicas without a readiness probe that have accepted no connection yet."""
        return self._slots.unproven

    def may_refuse(self, address: str) -> bool:
        """Whether a replica has accepted no connection yet, or refused one when it was tried last."""
        return self._slots.may_refuse(address)

    def accepted(self, address: str) -> None:
        """A replica accepted a connection."""
        self._slots.accepted(address)

    def connected(self, ticket: Ticket) -> None:
        """A request has a connection to its replica: from now on it is in flight there."""
        if ticket.granted is not None:
            self.accepted(ticket.granted)
            self._no_longer_tries(ticket)

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._queue)

    @property
    def is_empty(self) -> bool:
        """Whether no request waits or is at a replica."""
        return not self._queue and not self._slots.taken

    def enter(self, client: str, now: float, *, body_bytes: int, limit_seconds: float | None) -> Ticket:
        """Queue a new request; raises Refused where it can't be held, or not until a replica is ready.

        `limit_seconds` is the time limit that the request states itself, if it does.
        """
        if self.closed is not None:
            raise replace(self.closed, retry_after_seconds=self._retry_after(now))
        self._arrived += 1
        hold_seconds = self.route.hold_seconds if limit_seconds is None else self._capped(limit_seconds)
        self._refuse_what_cannot_be_in_time(client, now, hold_seconds)
        self._reserve_place(client, now)
        cost = 1 + min(MOST_COST - 1, body_bytes // BYTES_PER_COST)
        ticket = Ticket(client, cost, now, now + hold_seconds, follows_budget=limit_seconds is None)
        self._expected_back.pop(client, None)
        # In an empty queue this request would be the next one: with a free slot it need not be queued at all.
        address = None if self._queue else self._slots.take(now)
        if address is not None:
            self._ages.add(now)
            self._grant(ticket, address)
            return ticket
        self._queue.push(client, ticket, cost)
        self._ages.add(now)
        self.release(now)
        ticket.was_held = ticket.granted is None
        return ticket

    def send_back(self, ticket: Ticket, now: float, *, pause_seconds: float) -> None:
        """The replica accepted no connection: the request is the next again, and the replica gets a pause."""
        if ticket.granted is None:
            return
        self._slots.pause(ticket.granted, now + pause_seconds)
        self._end_grant(ticket)
        ticket.was_held = True
        self._queue.push_back_to_front(ticket.client, ticket)
        self._ages.add(ticket.arrived_at)
        if ticket.expires_at <= now:
            self.expire(ticket, now)
        self.release(now)

    def rest(self, ticket: Ticket, now: float) -> None:
        """A spliced connection has no open request at the moment: its slot is free for others."""
        if ticket.granted is not None:
            ticket.rests_at = ticket.granted
            self._end_grant(ticket)
            self.release(now)

    def resume(self, ticket: Ticket) -> None:
        """A request came on a connection that rested: it is at the replica already, whatever its slots."""
        if ticket.rests_at is not None and not ticket.has_left:
            self._slots.take_at(ticket.rests_at)
            ticket.granted, ticket.rests_at = ticket.rests_at, None
            self._arrived += 1

    def leave(self, ticket: Ticket, now: float, *, completed: bool) -> None:
        """The request has ended, in whatever way; may be called again without effect."""
        if ticket.has_left:
            return
        ticket.has_left = True
        self._total.used -= 1
        self._completed += completed
        if self._queue.discard(ticket.client, ticket):
            self._ages.remove(ticket.arrived_at)
        if ticket.granted is not None:
            self._end_grant(ticket)
            self.release(now)

    def expire(self, ticket: Ticket, now: float) -> None:
        """Refuse a request whose time is up, unless a budget that was raised meanwhile moves `expires_at`."""
        if ticket.follows_budget:
            # A budget that was lowered meanwhile applies to new requests only.
            ticket.expires_at = max(ticket.expires_at, ticket.arrived_at + self.route.hold_seconds)
        if ticket.expires_at > now:
            return
        retry_after = self._retry_after(now)
        what = "accepted a connection" if self._slots.all_refuse else "had room for the request"
        message = (
            f"No replica of this model {what} within {now - ticket.arrived_at:.0f} s{self._because()}. "
            f"Try again after {retry_after} s."
        )
        if self._refuse(ticket, Refused(Cause.TIME_LIMIT, message, retry_after_seconds=retry_after)):
            self._expect_back(ticket.client, now, retry_after)

    def refuse_all(self, cause: Cause, message: str, now: float) -> None:
        """Refuse every request that waits."""
        for ticket in list(self._queue):
            self._refuse(ticket, Refused(cause, message, retry_after_seconds=self._retry_after(now)))

    def release(self, now: float) -> None:
        """Give free slots to the requests whose turn it is."""
        while self._queue and (address := self._slots.take(now)) is not None:
            ticket = self._queue.pop()
            if ticket is None:
                self._slots.give_back(address)
                return
            self._grant(ticket, address)
            self.decided.append(ticket)

    def next_release_at(self, now: float) -> float | None:
        """When a pause of a replica ends that a waiting request may need; None if there is none."""
        return self._slots.next_end_of_pause(now) if self._queue else None

    def report(self, now: float) -> PoolReport:
        """What the controller needs to know."""
        self._expected_back = {who: until for who, until in self._expected_back.items() if until > now}
        return PoolReport(
            namespace=self.route.namespace,
            name=self.route.name,
            waiting=self._ages.report(now),
            expected_back=len(self._expected_back),
            in_flight=sum(self._slots.taken.values()) - len(self._trying),
            at_replicas=dict(self._slots.taken),
            accepting=self._slots.accepting,
            arrived=self._arrived,
            completed=self._completed,
        )

    def _refuse_what_cannot_be_in_time(self, client: str, now: float, hold_seconds: float) -> None:
        if self._slots.are_ready or self._ready_at is None or self._ready_at <= now + hold_seconds:
            return
        ready_in, retry_after = self._ready_at - now, self._retry_after(now)
        self._expect_back(client, now, retry_after)
        what, then = "is at zero and", "The model is being started: try"
        if self.route.start_trouble:
            what, then = f"has failed to start ({self.route.start_trouble}) and, at best, is", "Try"
        message = (
            f"The model {what} expected to be ready in {ready_in:.0f} s; this request can't wait longer than "
            f"{hold_seconds:.0f} s. {then} again after {retry_after} s."
        )
        raise Refused(Cause.NOT_READY_IN_TIME, message, retry_after_seconds=retry_after)

    def _because(self) -> str:
        """Why there is no replica, where its starts fail."""
        trouble = "" if self._slots.are_ready else self.route.start_trouble
        return f", since its starts do not succeed ({trouble})" if trouble else ""

    def _expect_back(self, client: str, now: float, after_seconds: int) -> None:
        """Count a refused client as demand until it should be here again.

        Otherwise a start that outlasts all time limits would be taken back as soon as no request waits any
        more, and the client's next try would find the model as far from ready as the first one did.
        """
        if client in self._expected_back or len(self._expected_back) < MOST_EXPECTED_BACK:
            self._expected_back[client] = now + max(LEAST_BACK_SECONDS, BACK_FACTOR * after_seconds)

    def _capped(self, stated_seconds: float) -> float:
        return min(stated_seconds, max(MOST_STATED_SECONDS, self.route.hold_seconds))

    def _reserve_place(self, client: str, now: float) -> None:
        """Raises Refused; where another client has more places, its latest request is refused instead."""
        if not self._total.fits(1):
            raise Refused(Cause.ACTIVATOR_FULL, ACTIVATOR_FULL, retry_after_seconds=self._retry_after(now))
        if len(self._queue) >= self.route.held_requests:
            message = f"{self.route.held_requests} requests wait for this model already; no more are held."
            full = Refused(Cause.QUEUE_FULL, message, retry_after_seconds=self._retry_after(now))
            gives_way = self._queue.newest_of_greediest(client)
            if gives_way is None:
                raise full
            self._refuse(gives_way, full)
        self._total.used += 1

    def _retry_after(self, now: float) -> int:
        return retry_after_seconds(None if self._ready_at is None else self._ready_at - now)

    def _refuse(self, ticket: Ticket, refused: Refused) -> bool:
        """End a request's wait; False where it waits no longer."""
        if not self._queue.discard(ticket.client, ticket):
            return False
        self._ages.remove(ticket.arrived_at)
        ticket.refused = refused
        self.decided.append(ticket)
        return True

    def _grant(self, ticket: Ticket, address: str) -> None:
        """Give a request its slot. Where the replica listens, it waits no longer."""
        ticket.granted = address
        if self._slots.may_refuse(address):
            self._trying.add(ticket)
        else:
            self._ages.remove(ticket.arrived_at)

    def _end_grant(self, ticket: Ticket) -> None:
        if ticket.granted is not None:
            self._slots.give_back(ticket.granted)
            self._no_longer_tries(ticket)
            ticket.granted = None

    def _no_longer_tries(self, ticket: Ticket) -> None:
        if ticket in self._trying:
            self._trying.discard(ticket)
            self._ages.remove(ticket.arrived_at)
