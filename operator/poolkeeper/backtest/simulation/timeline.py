"""Requests and replicas over time, as a fixed number of values to draw."""

from collections.abc import Sequence

import numpy as np


def requests_per_bin(arrivals: Sequence[float], begin: float, end: float, bins: int) -> list[int]:
    """Arrivals in each of `bins` equal parts of [begin, end)."""
    counted = [arrival for arrival in arrivals if arrival < end]
    return [int(count) for count in np.histogram(counted, bins, (begin, end))[0]]


def replicas_per_bin(
    changes: Sequence[tuple[float, int, int]], begin: float, end: float, bins: int
) -> list[float]:
    """Mean number of replicas asked for in each part of [begin, end); `changes` are (instant, desired,
    ready).
    """
    instants = np.array([at for at, _, _ in changes] + [max(end, changes[-1][0])])
    paid = np.concatenate([[0.0], np.cumsum([desired for _, desired, _ in changes] * np.diff(instants))])
    edges = np.linspace(begin, end, bins + 1)
    return [float(mean) for mean in np.diff(np.interp(edges, instants, paid)) / np.diff(edges)]
