"""The event loop's clock in the test's hands: hours that pass at once, and instants that do not end."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

GIVE_UP_SECONDS = 20.0


class LoopClock:
    """Runs as the loop's own clock does until it is told otherwise."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real = loop.time
        self._ahead = 0.0
        self._stands_at: float | None = None

    def time(self) -> float:
        """What the loop reads."""
        return self._real() + self._ahead if self._stands_at is None else self._stands_at

    async def jump(self, seconds: float) -> None:
        """So much time passes; returns once everything has run that came due by it."""
        self._ahead += seconds
        for _ in range(10):
            await asyncio.sleep(0.001)

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[None]:
        """No timer fires within the block, and whatever waits for one is an error."""
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
