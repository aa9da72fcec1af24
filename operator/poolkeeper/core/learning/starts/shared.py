"""Starts of other pools that load the same image on the same class, as a first idea of a pool's own.

A class says how long a start takes on average. The starts of a sibling also show whether there are two kinds,
such as on a node with the image and on one without. They count for little, and only while they can be of the
same kind as the pool's own: another model in the same image may take ten times as long.
"""

from collections.abc import Iterable, Sequence

from poolkeeper.core.tuning import (
    LEAST_MODE_RATIO,
    SHARED_STARTS_COUNT_AS,
    SHARED_STARTS_OF_ONE_POOL,
    SHARED_UNTIL_STARTS,
)


def pooled(of_pools: Iterable[Sequence[float]]) -> tuple[float, ...]:
    """The last starts of some pools, in seconds, as many of each: none of them outweighs the others.

    Example: of pools with 40 and 5 starts, the last 5 of each are taken.
    """
    known = [seconds for seconds in of_pools if seconds]
    fewest = min((len(seconds) for seconds in known), default=0)
    taken = min(fewest, SHARED_STARTS_OF_ONE_POOL)
    return tuple(sorted(value for seconds in known for value in seconds[-taken:]))


def believed(shared: tuple[float, ...], own: Sequence[float]) -> tuple[float, ...]:
    """Those that still say something about a pool with these starts of its own; all or none."""
    if not shared or len(own) >= SHARED_UNTIL_STARTS:
        return ()
    least, most = shared[0] / LEAST_MODE_RATIO, shared[-1] * LEAST_MODE_RATIO
    return shared if all(least <= seconds <= most for seconds in own) else ()


def weight(shared: Sequence[float]) -> float:
    """How much each of them counts, where a start of the pool's own counts 1."""
    return min(1.0, SHARED_STARTS_COUNT_AS / len(shared))
