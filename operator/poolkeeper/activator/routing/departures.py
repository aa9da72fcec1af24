"""Tells connections to go once they have nothing more to do here: the pods answer, or this process ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Told = Callable[[], None]


class Departures:
    """Who wants to be told, by the local port that its connection came to."""

    def __init__(self) -> None:
        self._listeners: dict[int, set[Told]] = {}

    @contextmanager
    def listening(self, port: int, told: Told) -> Iterator[None]:
        """Call `told`, perhaps more than once, when connections to this port are to go."""
        self._listeners.setdefault(port, set()).add(told)
        try:
            yield
        finally:
            self._listeners[port].discard(told)
            if not self._listeners[port]:
                del self._listeners[port]

    def tell(self, port: int) -> None:
        """Those at this port are to go."""
        for told in list(self._listeners.get(port, ())):
            told()

    def tell_all(self) -> None:
        """All are to go."""
        for port in list(self._listeners):
            self.tell(port)
