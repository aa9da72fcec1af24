"""A queue that serves clients in turn, so that one client's thousand requests do not delay another's one.

Deficit round robin (Shreedhar and Varghese, 1995): in each turn a client's credit grows by `quantum`, and its
requests leave while the credit covers their cost. A client without waiting requests keeps no credit. Example
with a quantum of 1: a request of cost 3 leaves in its client's third turn.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class FairQueue(Generic[Item]):
    """Items of many clients, taken out in turns; every operation takes constant time per client visited."""

    def __init__(self, quantum: int) -> None:
        self._quantum = quantum
        self._waiting: OrderedDict[str, OrderedDict[Item, int]] = OrderedDict()
        self._credit: dict[str, int] = {}
        self._clients_by_count: dict[int, dict[str, None]] = {}
        self._most = 0
        self._in_turn: str | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        for items in self._waiting.values():
            yield from items

    def push(self, client: str, item: Item, cost: int) -> None:
        """Put an item behind the client's others; a cost is at least 1."""
        self._waiting.setdefault(client, OrderedDict())[item] = cost
        self._counts(client, 1)

    def push_back_to_front(self, client: str, item: Item) -> None:
        """Put back an item that was taken out without use: its cost is paid, and it is the very next."""
        items = self._waiting.setdefault(client, OrderedDict())
        items[item] = 0
        items.move_to_end(item, last=False)
        self._waiting.move_to_end(client, last=False)
        self._counts(client, 1)

    def pop(self) -> Item | None:
        """Take out the next item; None if there is none."""
        while self._waiting:
            client, items = next(iter(self._waiting.items()))
            if client != self._in_turn:
                self._in_turn = client
                self._credit[client] = self._credit.get(client, 0) + self._quantum
            cost = next(iter(items.values()))
            if cost <= self._credit[client]:
                self._credit[client] -= cost
                item, _ = items.popitem(last=False)
                self._left(client)
                return item
            self._waiting.move_to_end(client)
            self._in_turn = None
        return None

    def discard(self, client: str, item: Item) -> bool:
        """Remove an item wherever it stands; False if it is not here."""
        items = self._waiting.get(client)
        if items is None or items.pop(item, None) is None:
            return False
        self._left(client)
        return True

    def newest_of_greediest(self, newcomer: str) -> Item | None:
        """The latest item of the client with the most items, to be given up for one of `newcomer`.

        None if that would not be fairer: with fewer than two items more, the two clients would only change
        places.
        """
        own = self._waiting.get(newcomer, ())
        if self._most < len(own) + 2:
            return None
        return next(reversed(self._waiting[next(iter(self._clients_by_count[self._most]))]))

    def _counts(self, client: str, change: int) -> None:
        """Keep clients by their count, because a search through all of them would make refusals expensive."""
        now = len(self._waiting[client])
        self._length += change
        before = self._clients_by_count.get(now - change, {})
        before.pop(client, None)
        if not before:
            self._clients_by_count.pop(now - change, None)
        if now:
            self._clients_by_count.setdefault(now, {})[client] = None
        if now > self._most or self._most not in self._clients_by_count:
            self._most = now

    def _left(self, client: str) -> None:
        self._counts(client, -1)
        if not self._waiting[client]:
            del self._waiting[client]
            self._credit.pop(client, None)
            if self._in_turn == client:
                self._in_turn = None
