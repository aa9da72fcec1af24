"""The operator's two clocks. A change of the system's time does not move either of them."""

import time


def monotonic_seconds() -> float:
    """Seconds that also count while the machine is suspended, on Linux: a lease runs out meanwhile."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class AnchoredClock:
    """Unix seconds, read from the wall clock once and advanced monotonically from there."""

    def __init__(self) -> None:
        self._offset = time.time() - monotonic_seconds()

    def __call__(self) -> float:
        return self._offset + monotonic_seconds()
