"""When starts have changed: another image, another disk, another class of nodes."""

import math
from collections.abc import Sequence

from poolkeeper.core.learning.starts.mixture import Mixture, fit
from poolkeeper.core.tuning import (
    CHANGE_DEVIATIONS,
    CHANGE_RUN_STARTS,
    COMPARED_SAMPLES,
    LEAST_CHANGE_SPREAD,
    STRANGE_DEVIATIONS,
)


def of_old_regime(known: Sequence[float], weights: Sequence[float], seconds: float) -> int:
    """How many of the oldest samples to forget: those before the last few, with the new one, if these can not
    be of the same kind."""
    logs = [math.log(value) for value in (*known, seconds)]
    for recent in CHANGE_RUN_STARTS:
        older = logs[:-recent]
        if len(older) < COMPARED_SAMPLES:
            break
        mean = sum(older) / len(older)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in older) / len(older))
        spread = max(deviation, LEAST_CHANGE_SPREAD) * math.sqrt(1.0 / recent + 1.0 / len(older))
        has_moved = abs(sum(logs[-recent:]) / recent - mean) > CHANGE_DEVIATIONS * spread
        if has_moved or _are_strange(logs[-recent:], fit(older, weights[: len(older)])):
            return len(older)
    return 0


def _are_strange(logs: Sequence[float], known: Mixture) -> bool:
    """Whether all lie far from every mode. When both modes halve, the mean may stay where the fast mode
    was."""
    return all(
        abs(value - mode.mean) > STRANGE_DEVIATIONS * mode.spread
        for value in logs
        for mode in (known.fast, known.slow)
    )
