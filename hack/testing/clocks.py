"""Clocks that a test moves: one to call, one of an event loop with sockets, one of a loop without."""

import asyncio
import selectors
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

GIVE_UP_SECONDS = 20.0


class ManualClock:
    """Stands still until a test sets `now`; with a step it goes on by that much at each look."""

    def __init__(self, now: float = 0.0, *, step_seconds: float = 0.0) -> None:
        self.now = now
        self._step_seconds = step_seconds

    def __call__(self) -> float:
        """What the clock says, in seconds."""
        self.now += self._step_seconds
        return self.now


class LoopClock:
    """The clock of an event loop with real sockets; it runs as usual until a test moves or stops it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real = loop.time
        self._ahead = 0.0
        self._stands_at: float | None = None

    def time(self) -> float:
        """What the loop reads."""
        return self._real() + self._ahead if self._stands_at is None else self._stands_at

    async def jump(self, seconds: float) -> None:
        """Moves the clock on; returns once everything has run whose time has come."""
        self._ahead += seconds
        for _ in range(10):
            await asyncio.sleep(0.001)

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[None]:
        """No timer fires within the block; a task that waits for one is an error."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        watchdog = threading.Timer(GIVE_UP_SECONDS, loop.call_soon_threadsafe, (task.cancel,))
        self._stands_at = self.time()
        watchdog.start()
        try:
            yield
        except asyncio.CancelledError:
            raise AssertionError("something waits for a timer") from None
        finally:
            watchdog.cancel()
            self._ahead, self._stands_at = self._stands_at - self._real(), None


@asynccontextmanager
async def loop_clock() -> AsyncIterator[LoopClock]:
    """The running loop's clock, until the end of the block."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    loop.time = clock.time  # type: ignore[method-assign]
    try:
        yield clock
    finally:
        del loop.time


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that skips every wait for a timer.

    It is for code that waits for timers and its own tasks only. Such a test takes no longer than it
    computes, and its result does not depend on how busy the machine is."""

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
        """What is ready now; if nothing is, the clock moves to the next timer. Without a timer it waits."""
        if timeout is None:
            return super().select(None)
        found = super().select(0)
        if not found:
            self._advance(timeout)
        return found
