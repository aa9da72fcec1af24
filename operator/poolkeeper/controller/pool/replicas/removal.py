"""Which replicas Kubernetes removes first when a target is lowered, and how far those are.

A start can be taken back only if whatever is removed with it can't have taken work, and Kubernetes chooses:

- A ReplicaSet (so a Deployment) removes pods without a node first, then pending ones, then those that are not
  Ready, then the others.
- A StatefulSet, and a LeaderWorkerSet whose leaders are of one, removes the highest number first, whatever
  that pod does. Where several pods are one replica, that is the number of the group or server.
- While pods of several owners exist, as in a rollout, or of another kind, any pod may go first.
"""

from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.controller.pool.replicas.groups import ordinal_of
from poolkeeper.core.values.observation import Stage
from poolkeeper.kube.watch.pod import Pod

_ORDER = (Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING)


class Member(NamedTuple):
    """A replica of a target."""

    pod: Pod | None
    """None where it has no pod yet."""
    stage: Stage
    """How far it is; RUNNING also if it is ready."""


def furthest_removed(members: Sequence[Member]) -> list[Stage]:
    """For each replica, the furthest stage of those that are removed before it or may be."""
    ranks = _ranks(members)
    furthest: dict[int, int] = {}
    for rank, member in zip(ranks, members, strict=True):
        furthest[rank] = max(furthest.get(rank, 0), _ORDER.index(member.stage))
    so_far = 0
    for rank in sorted(furthest):
        so_far = furthest[rank] = max(so_far, furthest[rank])
    return [_ORDER[furthest[rank]] for rank in ranks]


def _ranks(members: Sequence[Member]) -> list[int]:
    """The order in which the replicas are removed; those of one rank go in any order."""
    owners = {member.pod.controller for member in members if member.pod is not None}
    owner = owners.pop() if len(owners) == 1 else None
    kind = owner[0] if owner is not None else ""
    if kind == "ReplicaSet":
        return [_rank_in_replica_set(member.pod) for member in members]
    if kind == "StatefulSet":
        return _ranks_by_ordinal(members)
    return [0] * len(members)


def _rank_in_replica_set(pod: Pod | None) -> int:
    if pod is None:
        return 0
    if not pod.has_node:
        return 1
    if pod.is_pending:
        return 2
    return 4 if pod.is_ready else 3


def _ranks_by_ordinal(members: Sequence[Member]) -> list[int]:
    """The highest number first. A replica without a pod has one of the numbers that are missing; where that
    is unknown, it counts as the last to go."""
    taken = {ordinal_of(member.pod) for member in members if member.pod is not None}
    missing = iter(number for number in range(len(members)) if number not in taken)
    last = 1
    return [
        last if (ordinal := next(missing, None) if pod is None else ordinal_of(pod)) is None else -ordinal
        for pod, _ in members
    ]
