"""An event loop whose clock jumps to the next timer as soon as nothing else is left to do."""

import asyncio
import selectors
from collections.abc import Callable


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For what waits on timers and on itself alone: tests then take no longer than they compute, and what
    happens between two instants does not depend on how busy the machine is."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self.advance))

    def time(self) -> float:
        """Seconds since the loop was made, all of them skipped."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let the clock go on."""
        self._now += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; else the time that was to be waited for has passed. Without a timer it waits."""
        if timeout is None:
            return super().select(None)
        found = super().select(0)
        if not found:
            self._advance(timeout)
        return found
