"""Progress, one line per step: what is being done, and how long it took."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOG_INTERVAL_SECONDS = 60.0


def say(message: str) -> None:
    """Everything but a command's own result goes to stderr, so that stdout can be captured."""
    print(message, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A duration for people, such as `3.2 s` or `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


@contextmanager
def step(title: str, expectation: str = "") -> Iterator[None]:
    """Announce a step and, when it has ended well, its duration."""
    say(f"==> {title}" + (f" ({expectation})" if expectation else ""))
    started = time.monotonic()
    yield
    say(f"    done in {duration(time.monotonic() - started)}")


class Counter:
    """How far a long step is: a line that updates itself on a terminal, one line a minute in a log."""

    def __init__(self, unit: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._unit = unit
        self._total = total
        self._count = 0
        self._clock = clock
        self._started = clock()
        self._shown = self._started

    def advance(self) -> None:
        """Counts one more, and shows the count now and then."""
        self._count += 1
        now = self._clock()
        interval = 0.2 if sys.stderr.isatty() else LOG_INTERVAL_SECONDS
        if now - self._shown >= interval:
            self._shown = now
            self._show(now)

    def _show(self, now: float) -> None:
        text = f"    {self._count} of about {self._total} {self._unit}, {duration(now - self._started)}"
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        else:
            say(text)

    def close(self) -> None:
        """Clears the line of a terminal."""
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
