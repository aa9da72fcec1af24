"""How many requests each ready replica has from this activator, and which one gets the next."""

from collections.abc import Iterable

from poolkeeper.api.activation import Replica


class ReplicaSlots:
    """Granted slots by replica; a replica that left the table keeps its count until its requests end."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self.taken: dict[str, int] = {}
        """Requests by replica, where there are any; to be read only."""
        self._paused_until: dict[str, float] = {}
        self._unprobed: frozenset[str] = frozenset()
        self._accepting: set[str] = set()
        self._refusing: set[str] = set()

    def update(self, replicas: Iterable[Replica], unprobed: Iterable[str] = ()) -> None:
        """Replace the replicas and their slots; what is taken stays taken.

        `unprobed` are the addresses of those without a readiness probe.
        """
        self._slots = {replica.address: replica.slots for replica in replicas}
        self._unprobed = frozenset(unprobed) & self._slots.keys()
        self._accepting &= self._unprobed
        self._refusing &= self._slots.keys()
        self._paused_until = {
            address: until for address, until in self._paused_until.items() if address in self._slots
        }

    def take(self, now: float) -> str | None:
        """Take a slot of the replica with the fewest requests; None if no slot is free.

        One that may not have loaded its model yet is tried last.
        """
        free = [
            (address in self.unproven, self.taken.get(address, 0), address)
            for address, slots in self._slots.items()
            if self.taken.get(address, 0) < slots and self._paused_until.get(address, 0.0) <= now
        ]
        if not free:
            return None
        _, taken, address = min(free)
        self.taken[address] = taken + 1
        return address

    def take_at(self, address: str) -> None:
        """Count a request that is at the replica already, even beyond its slots."""
        self.taken[address] = self.taken.get(address, 0) + 1

    def give_back(self, address: str) -> None:
        """A request at this replica has ended."""
        self.taken[address] -= 1
        if not self.taken[address]:
            del self.taken[address]

    def accepted(self, address: str) -> None:
        """This replica accepted a connection."""
        self._refusing.discard(address)
        if address in self._unprobed:
            self._accepting.add(address)

    def pause(self, address: str, until: float) -> None:
        """Give this replica no request before `until`, because it accepted no connection."""
        self._paused_until[address] = until
        self._accepting.discard(address)
        if address in self._slots:
            self._refusing.add(address)

    def next_end_of_pause(self, now: float) -> float | None:
        """When the first paused replica may be tried again; None if none is paused."""
        return min((until for until in self._paused_until.values() if until > now), default=None)

    def may_refuse(self, address: str) -> bool:
        """Whether the replica has accepted no connection yet, or refused one when it was tried last."""
        return address in self._refusing or address in self.unproven

    @property
    def are_ready(self) -> bool:
        """Whether there is any replica, beside those that may not have loaded their model yet."""
        return bool(self._slots.keys() - self.unproven)

    @property
    def all_refuse(self) -> bool:
        """Whether there are replicas, and each accepted no connection when it was tried last."""
        return bool(self._slots) and self._refusing == self._slots.keys()

    @property
    def accepting(self) -> tuple[str, ...]:
        """Replicas without a readiness probe that accepted a connection when they were tried last."""
        return tuple(sorted(self._accepting))

    @property
    def unproven(self) -> frozenset[str]:
        """Replicas without a readiness probe that have accepted no connection yet."""
        return self._unprobed - self._accepting if self._unprobed else self._unprobed
