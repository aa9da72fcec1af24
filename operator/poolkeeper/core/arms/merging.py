"""The pool as a whole, as `decide` sees it: the replicas of all arms that can be counted on."""

import math
from collections.abc import Sequence

from poolkeeper.core.arms import outlook
from poolkeeper.core.arms.arm import Arm
from poolkeeper.core.learning.starts.arms import Tried
from poolkeeper.core.tuning import LAST_CALL_SECONDS
from poolkeeper.core.values.observation import Foreign, Observation, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec


def deadline(now: float, spec: PoolSpec, observation: Observation) -> float:
    """The instant by which a replica must be ready for the request that has waited longest; infinity where
    none waits."""
    arrived = [
        demand.waiting[0].arrived_at
        for demand in observation.demand
        if isinstance(demand, Reading) and demand.waiting
    ]
    return min(arrived) + spec.budget_seconds - spec.margin_seconds if arrived else math.inf


def uncounted(now: float, due: float, arms: Sequence[Arm], tried: Tried) -> tuple[int, ...]:
    """For each arm, how many of its starting replicas can't be counted on: those that were tried beside the
    decided number, and those that wait for a node for so long that another arm would be ready sooner."""
    before = tried.extra if len(tried.extra) == len(arms) else (0,) * len(arms)
    found = []
    for at, arm in enumerate(arms):
        given_up = len([each for each in arm.pending if _is_given_up(now, due, arms, at, each)])
        found.append(min(max(before[at], given_up), len(arm.replicas.starting)))
    return tuple(found)


def merged(arms: Sequence[Arm], without: Sequence[int]) -> Replicas:
    """The replicas of all arms as one target, without so many starting ones of each arm."""
    seen = [arm.replicas for arm in arms]
    starting = [
        each
        for replicas, fewer in zip(seen, without, strict=True)
        for each in counted(replicas.starting, fewer)
    ]
    set_aside = [
        each
        for replicas in seen
        for each in replicas.starting
        if each.stage is Stage.UNADMITTED and all(each is not other for other in starting)
    ]
    foreign = [each.foreign for each in seen if each.foreign is not None]
    desired = sum([each.desired for each in seen]) - sum(without)
    return Replicas(
        desired=desired,
        ready=sum([min(each.ready, each.desired) for each in seen]),
        starting=tuple(sorted(starting, key=lambda each: each.asked_at)),
        terminating=sum([each.terminating for each in seen]),
        unready_working=sum([each.unready_working for each in seen]),
        foreign=_of_all(foreign, desired) if foreign else None,
        set_aside=tuple(set_aside),
    )


def counted(starting: Sequence[StartingReplica], fewer: int) -> list[StartingReplica]:
    """The starting replicas without so many of them: those that are least far, and the newest of these."""
    if not fewer:
        return list(starting)
    left_out = sorted(starting, key=lambda each: (_FURTHEST.index(each.stage), -each.asked_at))[:fewer]
    return [each for each in starting if all(each is not other for other in left_out)]


_FURTHEST = (Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING)


def _is_given_up(now: float, due: float, arms: Sequence[Arm], at: int, pending: StartingReplica) -> bool:
    """Whether a replica that waits for a node is no longer counted on, because another arm is sooner."""
    arm = arms[at]
    if not (arm.scarce.is_short or outlook.is_doubtful(now, arm, pending)):
        return False
    left_seconds = outlook.left_seconds(now, arm, pending)
    for other, each in enumerate(arms):
        if other == at or not each.may_write or each.replicas.desired >= each.most:
            continue
        other_seconds = outlook.new_seconds(now, each)
        if math.isinf(other_seconds):
            continue
        if math.isinf(left_seconds):
            return True
        misses = now + left_seconds > due or now + other_seconds > due - LAST_CALL_SECONDS
        if misses and (now + other_seconds <= due or _is_sooner(now, each, arm, pending)):
            return True
    return False


def _is_sooner(now: float, other: Arm, arm: Arm, pending: StartingReplica) -> bool:
    """Whether half of the starts on the other arm would be over before this replica is expected."""
    tail = outlook.MEDIAN_TAIL
    return outlook.new_seconds(now, other, tail) < outlook.left_seconds(now, arm, pending, tail)


def _of_all(foreign: Sequence[Foreign], desired: int) -> Foreign:
    """The numbers that other writers set on any arm, as one of the pool."""
    newest = max(foreign, key=lambda each: each.since)
    return Foreign(desired, newest.since, newest.writer, newest.is_found)
