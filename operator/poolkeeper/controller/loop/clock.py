"""The operator's two clocks. Neither ever steps, whatever is done to the wall clock."""

import time


def monotonic_seconds() -> float:
    """Seconds that also pass while the machine is suspended, where the system can tell: leases need that."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class AnchoredClock:
    """Unix seconds, read from the wall clock once and advanced monotonically from there."""

    def __init__(self) -> None:
        self._offset = time.time() - monotonic_seconds()

    def __call__(self) -> float:
        return self._offset + monotonic_seconds()
