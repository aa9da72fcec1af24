"""Requests and replicas over time, as a fixed number of values to draw."""

from collections.abc import Sequence


def requests_per_bin(arrivals: Sequence[float], begin: float, end: float, bins: int) -> list[int]:
    """Arrivals in each of `bins` equal parts of [begin, end)."""
    counts = [0] * bins
    for arrival in arrivals:
        if begin <= arrival < end:
            counts[int((arrival - begin) / (end - begin) * bins)] += 1
    return counts


def replicas_per_bin(
    changes: Sequence[tuple[float, int, int]], begin: float, end: float, bins: int
) -> list[float]:
    """Mean number of replicas asked for in each part of [begin, end); `changes` are (instant, desired,
    ready).
    """
    width = (end - begin) / bins
    sums = [0.0] * bins
    ends = [at for at, _, _ in changes[1:]] + [end]
    for (at, desired, _), until in zip(changes, ends, strict=True):
        lower, upper = max(at, begin), min(until, end)
        place = int((lower - begin) / width)
        while lower < upper and place < bins:
            edge = min(upper, begin + (place + 1) * width)
            sums[place] += desired * (edge - lower)
            lower, place = edge, place + 1
    return [total / width for total in sums]
