"""Reads that pools share for a while."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

KEPT_SECONDS = 60.0
FAILURE_KEPT_SECONDS = 10.0
"""What is missing or forbidden may be mended at any moment."""
MOST_KEPT = 2_000
"""What was not asked for the longest is read again beyond this."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """What was read in the last minute, by key; a failure is kept for some seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[Key, tuple[float, asyncio.Task[Value]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: Key, read: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """What `read` returned at most a minute ago. Raises what `read` raised."""
        now = self._clock()
        kept = self._kept.pop(key, None)
        if kept is None or not _is_recent(*kept, now):
            self._let_go(now)
            kept = now, asyncio.ensure_future(read())
        self._kept[key] = kept  # What was asked for last comes last.
        return await asyncio.shield(kept[1])

    def _let_go(self, now: float) -> None:
        for key in [key for key, kept in self._kept.items() if not _is_recent(*kept, now)]:
            del self._kept[key]
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]


def _is_recent(read_at: float, task: asyncio.Task[Any], now: float) -> bool:
    has_failed = task.done() and (task.cancelled() or task.exception() is not None)
    return 0 <= now - read_at <= (FAILURE_KEPT_SECONDS if has_failed else KEPT_SECONDS)
