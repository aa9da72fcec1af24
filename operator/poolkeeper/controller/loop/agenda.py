"""Which keys are due now and which later: a set of marked keys and a heap of due times."""

import asyncio
import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

LONGEST_WAIT_SECONDS = 3600.0


class Agenda(Generic[Key]):
    """Hands out keys one at a time; several marks of a key become one.

    A key is not handed out again before `done` was called for it, so that only one task works on it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._dirty: dict[Key, float] = {}
        self._marked_while_busy: set[Key] = set()
        self._busy: set[Key] = set()
        self._due_at: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._pushed = 0
        self._held_until: dict[Key, float] = {}
        self._holds: dict[Key, int] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._dirty)

    def now(self) -> float:
        """The time of the clock that due times are in."""
        return self._clock()

    def mark(self, key: Key) -> None:
        if key in self._busy:
            self._marked_while_busy.add(key)
        elif self._held_until.get(key, 0.0) > self._clock():
            self.schedule(key, self._held_until[key])
        elif key not in self._dirty:
            self._dirty[key] = self._clock()
            self._news.set()

    def schedule(self, key: Key, at: float) -> None:
        """Look at this key at `at` at the latest."""
        if self._due_at.get(key, float("inf")) <= at:
            return
        self._due_at[key] = at
        self._pushed += 1
        heapq.heappush(self._heap, (at, self._pushed, key))
        if self._heap[0][2] == key:
            self._news.set()

    def hold(self, key: Key, until: float) -> None:
        """Ignore marks of this key before `until`, and look at it then."""
        self._holds[key] = self.holds(key) + 1
        self._held_until[key] = until
        self.schedule(key, until)

    def holds(self, key: Key) -> int:
        """How often this key was held since it was last released, or since it is known."""
        return self._holds.get(key, 0)

    def release(self, key: Key) -> None:
        """End a hold: marks count again."""
        self._held_until.pop(key, None)
        self._holds.pop(key, None)

    def drop(self, key: Key) -> None:
        for known in (self._dirty, self._due_at, self._held_until, self._holds):
            known.pop(key, None)
        self._marked_while_busy.discard(key)

    async def take(self) -> Key:
        """The key that has waited longest; it stays with the caller until `done`."""
        while True:
            self._news.clear()
            self._collect_due()
            if self._dirty:
                key = next(iter(self._dirty))
                del self._dirty[key]
                self._due_at.pop(key, None)
                self._busy.add(key)
                return key
            await self._wait_for_news()

    def done(self, key: Key) -> None:
        self._busy.discard(key)
        if key in self._marked_while_busy:
            self._marked_while_busy.discard(key)
            self.mark(key)

    def longest_waiting_seconds(self) -> float:
        """How long the oldest mark has waited for `take`."""
        return self._clock() - next(iter(self._dirty.values())) if self._dirty else 0.0

    def _collect_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._due_at.get(key) == at:
                del self._due_at[key]
                self.mark(key)

    async def _wait_for_news(self) -> None:
        next_due = self._heap[0][0] if self._heap else float("inf")
        timeout = min(max(0.0, next_due - self._clock()), LONGEST_WAIT_SECONDS)
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return
