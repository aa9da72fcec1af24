"""A lower bound on the optimum for many replicas and a budget above 0.

It is the greater of two relaxations, each of which leaves out costs and adds none.

1. A linear programme over time slots. Replicas and starts may be fractions. Requests are a fluid of work that
   is done no earlier than if each were taken at its arrival, and no later than if each were taken at its
   deadline.
2. The time in which at least one replica must be up, as though one replica could work on everything at once.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from operator import add
from typing import Any

from poolkeeper.backtest.optimum.one_replica import cheapest_runs

MOST_SLOTS = 3_000
SHORTEST_SLOT_SECONDS = 1.0


def fluid_bound(
    arrivals: Sequence[float],
    services: Sequence[float],
    longest_waits: Sequence[float],
    concurrency: int,
    start_stop_seconds: float,
) -> float:
    """Accelerator-seconds of the optimum of the linear programme, which scipy's HiGHS solves."""
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import diags_array, eye_array, hstack, vstack

    came = np.asarray(arrivals, dtype=float)
    took = np.asarray(services, dtype=float)
    deadlines = came + np.asarray(longest_waits, dtype=float)
    ends = float((deadlines + took).max())
    slot = max(SHORTEST_SLOT_SECONDS, (ends - came[0]) / MOST_SLOTS)
    slots = math.ceil((ends - came[0]) / slot) + 1
    instants = came[0] + slot * np.arange(1, slots + 1)
    at_most = _work_done_by(instants, came, took)
    at_least = _work_done_by(instants, deadlines, took)
    identity = eye_array(slots, format="csr")
    step = diags_array([np.ones(slots), -np.ones(slots - 1)], offsets=[0, -1], format="csr")
    none = identity * 0.0
    constraints = vstack(
        [
            hstack([step, -identity, none]),
            hstack([-identity * (slot * concurrency), none, step]),
        ],
        format="csr",
    )
    found: Any = linprog(
        c=np.concatenate([np.full(slots, slot), np.full(slots, start_stop_seconds), np.zeros(slots)]),
        A_ub=constraints,
        b_ub=np.zeros(2 * slots),
        bounds=np.column_stack(
            [
                np.concatenate([np.zeros(2 * slots), at_least]),
                np.concatenate([np.full(2 * slots, np.inf), np.maximum(at_most, at_least)]),
            ]
        ),
        method="highs",
    )
    return float(found.fun) if found.status == 0 else 0.0


def _work_done_by(instants: Any, taken: Any, took: Any) -> Any:
    """Seconds of work done until each instant if every request is worked on from its `taken` on."""
    import numpy as np

    begun = np.sort(taken)
    ended = np.sort(taken + took)
    return _ramp(instants, begun) - _ramp(instants, ended)


def _ramp(instants: Any, begins: Any) -> Any:
    """Sum over `begins` (sorted) of max(0, instant - begin)."""
    import numpy as np

    before = np.searchsorted(begins, instants, side="right")
    sums = np.concatenate([[0.0], np.cumsum(begins)])
    return before * instants - sums[before]


def cover_bound(
    arrivals: Sequence[float],
    services: Sequence[float],
    longest_waits: Sequence[float],
    start_stop_seconds: float,
) -> float:
    """Accelerator-seconds for which at least one replica must be up, if its slots had no limit."""
    highest = list(accumulate(map(add, arrivals, services), max))
    limits = list(map(max, map(add, arrivals, longest_waits), [-math.inf, *highest]))
    cost, _ = cheapest_runs(limits, highest, start_stop_seconds)
    return cost
