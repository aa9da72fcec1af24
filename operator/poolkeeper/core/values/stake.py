"""What is at stake for a pool that shares a quota with others: what it can't give up, and what it asks
for."""

import math
from typing import NamedTuple


class Stake(NamedTuple):
    """The part of a decision that an arbiter weighs against those of other pools. Numbers of replicas are
    totals, not differences."""

    needed: int
    """Replicas that may be working or are loading: they are not ended, for no other pool."""
    wanted: int
    """Replicas that the pool would have now if no quota held it back."""
    floor: int = 0
    """Replicas that are declared as the fewest, by `replicas.min`, a warm window or `scaleToZero`."""
    waiting: int = 0
    """Requests that wait."""
    slots: int = 1
    """Requests that one replica works on at once."""
    deadline: float = math.inf
    """Unix seconds at which the first waiting request is, or was, late; infinity where none waits."""
    free_at: float = math.inf
    """Unix seconds from which on the replicas that are not needed may be taken; infinity while all are
    needed."""
