"""Which starts of a pool are entered into its learned start times, and in which order.

The operator and the backtest both watch starts, one in pods and one in a replay. Both ask here what to learn,
so that the same starts teach the same.
"""

from collections.abc import Iterable
from operator import itemgetter

from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.tuning import (
    ADMISSION_SECONDS,
    FIRST_LEARNED_AGE_SECONDS,
    LONGEST_BELIEVED_SECONDS,
    REMEMBERED_UIDS,
    RUNNING_SAMPLE_GROWTH,
)


def begun_at(asked_at: float, admitted_at: float) -> float:
    """When the start of a replica began that had a node at `admitted_at`.

    Examples, asked for at 100 s: a node at 102 s is the usual delay, and the start began at 100 s. A node at
    160 s, after a gate or a quota, shows nothing about how long a start takes: it began at 160 s.
    """
    return asked_at if admitted_at - asked_at <= ADMISSION_SECONDS else admitted_at


def has_grown(age_seconds: float, learned_age_seconds: float | None) -> bool:
    """Whether a start that still runs is learned again, after it was learned last at that age (None:
    never)."""
    if learned_age_seconds is None:
        learned_age_seconds = FIRST_LEARNED_AGE_SECONDS
    return age_seconds >= RUNNING_SAMPLE_GROWTH * learned_age_seconds


def is_believed(seconds: float) -> bool:
    """Whether a replica that became ready so long after its start began was loading all that time."""
    return seconds <= LONGEST_BELIEVED_SECONDS


def in_order(starts: Iterable[StartSample]) -> list[StartSample]:
    """The starts to learn at one look: failures, then the ready ones as they became ready, then the running.

    Those that became ready at the same instant come as they were asked for.

    At most as many ended ones as the learned state remembers by uid. With more, an operator that restarts
    would count some of them twice.
    """
    failed: list[StartSample] = []
    ready: list[tuple[float, float, StartSample]] = []
    running: list[StartSample] = []
    for sample in starts:
        if sample.failed:
            failed.append(sample)
        elif sample.ready_at is None:
            running.append(sample)
        else:
            ready.append((sample.ready_at, sample.asked_at, sample))
    ready.sort(key=itemgetter(0, 1))
    running.sort(key=lambda sample: sample.asked_at)
    ended = [*failed, *(sample for _, _, sample in ready)]
    return [*ended[-REMEMBERED_UIDS:], *running]
