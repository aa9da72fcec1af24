"""Replicas of several pods: groups of a LeaderWorkerSet, and the ranks of one server in a StatefulSet.

A group is shown as one pod, so that whatever follows pods follows servers: it is Ready when it serves as a
whole, it is as far as its least far pod, and it has that pod's failure. Half a group is never capacity.
Example: of a group of 4 hosts, 3 run and one has no node. The group is not admitted, and its failure is that
of the fourth pod.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from poolkeeper.core.values.observation import Stage
from poolkeeper.kube.watch.pod import Pod

GROUP_INDEX = "leaderworkerset.sigs.k8s.io/group-index"
WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"
MOST_DIGITS = 9
"""A longer number is none that Kubernetes has given."""
_ORDER = (Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING)


class Shape(NamedTuple):
    """Of which pods one replica consists."""

    step: int = 1
    """Pods of the target, as /scale counts them, that are the ranks of one server."""
    is_group: bool = False
    """Whether each of the target's pods leads a group of a LeaderWorkerSet."""
    size: int = 1
    """Pods of one such group, the leader included, where the pods themselves do not say it."""
    has_late_workers: bool = False
    """Whether the workers of a group are only made once its leader is Ready."""
    by_ordinal: bool = False
    """Whether the pods are numbered, so that ranks 0 to step-1 are the first server."""

    @property
    def is_plain(self) -> bool:
        """Whether one pod is one replica."""
        return self.step <= 1 and not self.is_group


@dataclass(frozen=True, slots=True)
class PodGroup(Pod):
    """Several pods that serve together, as one: its uid is the leader's, its name that of the pod which the
    others wait for."""

    members: tuple[Pod, ...] = ()
    """Its pods, by rank; the first one leads."""
    index: int | None = None
    """Its number among the groups; None where they have none."""
    stage: Stage = Stage.UNADMITTED
    """How far its least far pod is."""
    furthest: Stage = Stage.UNADMITTED
    """How far its furthest pod is."""
    is_whole: bool = False
    """Whether all of its pods exist and run."""
    lacks_pod: bool = False
    """Whether the group waits for a pod that does not exist: `name` is the one that it should have."""

    @property
    def has_fallen(self) -> bool:
        """Whether its leader may still work on requests although the group does not serve."""
        lead = self.members[0]
        return not self.is_ready and not lead.is_terminating and (lead.is_ready or lead.has_fallen)


def replicas_of(pods: tuple[Pod, ...], workers: Sequence[Pod], shape: Shape) -> tuple[Pod, ...]:
    """The target's replicas as pods: `pods` themselves where each is a replica. `workers` are the other pods
    of a LeaderWorkerSet's groups."""
    if shape.is_plain:
        return pods
    if shape.is_group:
        return tuple(_led_groups(pods, workers, shape))
    return tuple(_numbered(pods, shape.step) if shape.by_ordinal else _counted(pods, shape.step))


def ordinal_of(pod: Pod) -> int | None:
    """The number of a replica that its controller counts, by which it is removed."""
    return pod.index if isinstance(pod, PodGroup) else _number(pod.name.rpartition("-")[2])


def stage_of(pod: Pod) -> Stage:
    """How far a replica is that is not known to serve. One that is Ready runs, whatever is known of its
    containers."""
    if isinstance(pod, PodGroup):
        return pod.stage
    if not pod.has_node and not pod.is_ready:
        return Stage.UNADMITTED
    return Stage.RUNNING if pod.is_running or pod.is_ready else Stage.NO_CONTAINER


def furthest_of(pod: Pod) -> Stage:
    """How far that pod of a replica is that is furthest."""
    return pod.furthest if isinstance(pod, PodGroup) else stage_of(pod)


def _led_groups(pods: Iterable[Pod], workers: Iterable[Pod], shape: Shape) -> Iterator[Pod]:
    by_group: dict[str, dict[int, Pod]] = {}
    for pod in workers:
        _enter(by_group.setdefault(_group_of(pod), {}), _number(pod.labels.get(WORKER_INDEX, "")), pod)
    for lead in pods:
        size = lead.group_size or shape.size
        others = {rank: pod for rank, pod in by_group.get(_group_of(lead), {}).items() if 0 < rank < size}
        members = (lead, *(others[rank] for rank in sorted(others)))
        absent = next((rank for rank in range(1, size) if rank not in others), None)
        yield _group(
            members,
            index=_number(_group_of(lead)),
            are_ready=lead.is_ready and all(_runs(pod) for pod in members),
            is_complete=absent is None,
            missing=f"{lead.name}-{absent}",
            is_awaited=lead.is_ready or not shape.has_late_workers,
        )


def _group_of(pod: Pod) -> str:
    """The number of the group that a pod belongs to: by its label, else by the leader's name."""
    return pod.labels.get(GROUP_INDEX) or pod.name.rpartition("-")[2]


def _numbered(pods: Iterable[Pod], step: int) -> Iterator[Pod]:
    """Servers of a StatefulSet: pods step·k to step·k + step-1 are server k. Without its first pod a server
    is none, except while the others are being deleted: those are still paid for."""
    servers: dict[int, dict[int, Pod]] = {}
    for pod in pods:
        ordinal = _number(pod.name.rpartition("-")[2])
        if ordinal is not None:
            _enter(servers.setdefault(ordinal // step, {}), ordinal % step, pod)
    for index, ranks in sorted(servers.items()):
        members = tuple(ranks[rank] for rank in sorted(ranks))
        if 0 not in ranks and not all(pod.is_terminating for pod in members):
            continue
        absent = next((rank for rank in range(step) if rank not in ranks), 0)
        missing = f"{members[0].name.rpartition('-')[0]}-{index * step + absent}"
        are_ready, is_complete = _are_ready(members), len(members) == step
        yield _group(members, index=index, are_ready=are_ready, is_complete=is_complete, missing=missing)


def _counted(pods: Iterable[Pod], step: int) -> Iterator[Pod]:
    """Servers of pods without numbers: any `step` of them are one, those first that are ready."""

    def order(pod: Pod) -> tuple[bool, float, str]:
        return not pod.is_ready, pod.created_at or 0.0, pod.uid

    known = sorted(pods, key=order)
    for is_gone in (False, True):
        part = [pod for pod in known if (pod.is_terminating or pod.is_finished) is is_gone]
        for start in range(0, len(part), step):
            members = tuple(part[start : start + step])
            yield _group(members, are_ready=_are_ready(members), is_complete=len(members) == step)


def _enter(ranks: dict[int, Pod], rank: int | None, pod: Pod) -> None:
    """Of two pods with one rank, the one that is not being deleted counts: for a moment both may be seen."""
    if rank is not None and (rank not in ranks or ranks[rank].is_terminating):
        ranks[rank] = pod


def _are_ready(ranks: Sequence[Pod]) -> bool:
    """Whether a server's ranks serve: the first is Ready, and each other one is Ready where it has a probe,
    and runs where it has none."""
    return ranks[0].is_ready and all(pod.is_ready if _is_probed(pod) else _runs(pod) for pod in ranks)


def _group(
    members: tuple[Pod, ...],
    *,
    are_ready: bool,
    is_complete: bool,
    index: int | None = None,
    missing: str = "",
    is_awaited: bool = True,
) -> PodGroup:
    """The pods as one. `missing` is the first that a group lacks which is not complete, and `is_awaited`
    whether that one should exist by now."""
    lead, last = members[0], min(members, key=_how_far)
    is_ready = are_ready and is_complete and all(_stays(pod) for pod in members)
    stages = [stage_of(pod) for pod in members]
    lacks_pod = not is_complete and is_awaited and Stage.UNADMITTED not in stages
    shown = {each.name: getattr(lead, each.name) for each in fields(Pod)} | {
        "name": (missing or lead.name) if lacks_pod else last.name,
        "created_at": _latest([pod.created_at for pod in members]),
        "scheduled_at": _latest([pod.scheduled_at for pod in members]),
        "started_at": _latest([pod.started_at for pod in members]),
        "ready_at": _latest([pod.ready_at or pod.started_at for pod in members]) if is_ready else None,
        "is_ready": is_ready,
        "failure": "" if lacks_pod else last.failure,
        "failing": () if lacks_pod else last.failing,
        "gates": last.gates,
        "no_node": last.no_node,
        "has_node": not lacks_pod and Stage.UNADMITTED not in stages,
        "is_pending": any(pod.is_pending for pod in members),
        "is_running": any(pod.is_running for pod in members),
        "restarts": sum(pod.restarts for pod in members),
    }
    return PodGroup(
        **shown,
        members=members,
        index=index,
        stage=Stage.UNADMITTED if lacks_pod else min(stages, key=_ORDER.index),
        furthest=max(stages, key=_ORDER.index),
        is_whole=is_complete and all(_runs(pod) for pod in members),
        lacks_pod=lacks_pod,
    )


def _how_far(pod: Pod) -> tuple[bool, bool, int, bool]:
    """The order in which pods keep their group waiting. While one has no node, failures of the others may
    only follow from that."""
    stage = stage_of(pod)
    may_serve = _stays(pod) and not pod.has_failed
    return stage is not Stage.UNADMITTED, may_serve, _ORDER.index(stage), pod.is_ready


def _runs(pod: Pod) -> bool:
    return (pod.is_running or pod.is_ready) and _stays(pod)


def _stays(pod: Pod) -> bool:
    return not (pod.is_terminating or pod.is_finished)


def _is_probed(pod: Pod) -> bool:
    return any(container.is_probed for container in pod.containers)


def _latest(instants: Sequence[float | None]) -> float | None:
    known = [at for at in instants if at is not None]
    return max(known) if known and len(known) == len(instants) else None


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None
