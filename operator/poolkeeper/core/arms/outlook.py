"""When a replica of an arm would be ready: its wait for a node, and then its start."""

import math
from collections.abc import Sequence

from poolkeeper.core.arms.arm import Arm
from poolkeeper.core.learning.starts import admission
from poolkeeper.core.tuning import ADMISSION_SECONDS, EARLIEST_TAIL, LAST_CALL_SECONDS, SOONER_FACTOR
from poolkeeper.core.values.admission import cause_of
from poolkeeper.core.values.observation import StartingReplica

MOMENT_SECONDS = 0.1
"""A replica that waits counts as late a moment after its time."""
MEDIAN_TAIL = 0.5
"""The tail of start times by which two arms are compared where neither meets the deadline."""


def new_seconds(now: float, arm: Arm, tail: float = EARLIEST_TAIL) -> float:
    """Seconds until a replica that is asked for now would be ready, exceeded with probability `tail`: by
    default, as `decide` expects of a usual start. Infinity while the class has no capacity.

    A new one is expected to wait for as long as those that wait already.
    """
    if arm.scarce.is_short:
        return math.inf
    wait_seconds = max(
        [arm.wait_seconds, *(now - each.asked_at for each in arm.pending if is_doubtful(now, arm, each))]
    )
    return wait_seconds + arm.starts.quantile(tail)


def left_seconds(now: float, arm: Arm, pending: StartingReplica, tail: float = EARLIEST_TAIL) -> float:
    """Seconds until a replica that waits for a node would be ready."""
    return math.inf if arm.scarce.is_short else _wait_left(now, arm, pending) + arm.starts.quantile(tail)


def _wait_left(now: float, arm: Arm, pending: StartingReplica) -> float:
    """Seconds for which a replica still waits for a node, by what was learned of the waits that its cause
    makes. Example: nodes usually come within 10 s. After 4 s the replica waits 6 s more. Once it has waited
    for longer than usual, and no wait of that kind was seen before, 15 minutes or so are expected."""
    age = now - pending.asked_at
    if not is_doubtful(now, arm, pending):
        return max(arm.wait_seconds - age, 0.0)
    return admission.expected_wait(arm.admission, now, cause_of(pending.failure), age)


def is_doubtful(now: float, arm: Arm, pending: StartingReplica) -> bool:
    """Whether a replica has waited for a node for longer than usual."""
    return now - pending.asked_at > max(arm.wait_seconds, ADMISSION_SECONDS)


def doubtful_at(now: float, arm: Arm, pending: StartingReplica) -> float:
    """When it is asked again whether a replica that waits for a node is given up in favour of another arm."""
    usual_at = pending.asked_at + max(arm.wait_seconds, ADMISSION_SECONDS) + MOMENT_SECONDS
    return usual_at if usual_at > now else now + LAST_CALL_SECONDS


def best(now: float, deadline: float, arms: Sequence[Arm], rooms: Sequence[int]) -> int | None:
    """The arm that the next replica should go to; None where no arm has room.

    That is the first one, in the order of preference, that would be ready by the deadline. If none would, it
    is the first one that does not take more than SOONER_FACTOR times as long as the soonest: a dearer class
    is worth it only if it makes a difference. If all classes are short of capacity, it is the one that may be
    asked again first.
    """
    open_arms = [at for at, room in enumerate(rooms) if room > 0 and arms[at].may_write]
    if not open_arms:
        return None
    seconds = {at: new_seconds(now, arms[at]) for at in open_arms}
    for at in open_arms:
        if now + seconds[at] <= deadline and math.isfinite(seconds[at]):
            return at
    usual = {at: new_seconds(now, arms[at], MEDIAN_TAIL) for at in open_arms}
    soonest = min(usual.values())
    if math.isinf(soonest):
        return min(open_arms, key=lambda at: (max(arms[at].scarce.asks_at, now), at))
    return next(at for at in open_arms if usual[at] <= SOONER_FACTOR * soonest)
