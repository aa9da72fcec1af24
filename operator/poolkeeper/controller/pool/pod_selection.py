"""Which pods belong to which pool: the selectors of the targets, matched in memory."""

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from poolkeeper.controller.pool.replicas.groups import WORKER_INDEX
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.selectors import InvalidSelector, Requirement, parse_selector
from poolkeeper.kube.watch.pod import Pod

GROUP_SET = ("leaderworkerset.x-k8s.io", "LeaderWorkerSet")
GROUP_NAME = "leaderworkerset.sigs.k8s.io/name"
"""The label of all pods of a LeaderWorkerSet with its name."""
_ONE_PER_NODE = frozenset({"DaemonSet", "Node"})
"""What makes as many pods as there are nodes, so nothing with /scale makes its pods through it."""
_MAKERS = {
    ("apps", "Deployment"): "ReplicaSet",
    ("apps", "ReplicaSet"): "ReplicaSet",
    ("apps", "StatefulSet"): "StatefulSet",
    GROUP_SET: "StatefulSet",
}
"""By the target's group and kind: the kind that makes its pods."""


class PodSelection:
    """The pods of one namespace, indexed by their labels so that many pools are matched quickly."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._all = list(pods)
        self._by_label: dict[tuple[str, str], list[Pod]] = {}
        for pod in self._all:
            for label in pod.labels.items():
                self._by_label.setdefault(label, []).append(pod)

    def matching(self, selector: str, target: TargetKey | None) -> tuple[Pod, ...]:
        """The pods that a selector matches, in the order of their uids, without those that are certainly not
        the target's; none where the selector can't be read."""
        try:
            parsed = parse_selector(selector)
        except InvalidSelector:
            return ()
        candidates = min((self._candidates(each) for each in parsed.requirements), key=len, default=[])
        return tuple(
            sorted(
                (pod for pod in candidates if parsed.matches(pod.labels) and not _is_foreign(pod, target)),
                key=lambda pod: pod.uid,
            )
        )

    def workers(self, target: TargetKey | None) -> tuple[Pod, ...]:
        """The pods of the groups of a LeaderWorkerSet that do not lead: /scale selects leaders only. None for
        a target of another kind."""
        if not is_group_set(target):
            return ()
        pods = self._by_label.get((GROUP_NAME, target.name), ())
        return tuple(sorted((pod for pod in pods if _is_worker(pod)), key=lambda pod: pod.uid))

    def _candidates(self, requirement: Requirement) -> list[Pod]:
        """The pods that may meet a requirement: for `key=value` those with that label, otherwise all."""
        if requirement.is_negated or requirement.values is None or len(requirement.values) != 1:
            return self._all
        (value,) = requirement.values
        return self._by_label.get((requirement.key, value), [])


def is_group_set(target: TargetKey | None) -> TypeGuard[TargetKey]:
    """Whether each replica of the target is a group of pods with a leader."""
    return target is not None and (target.group, target.kind) == GROUP_SET


def _is_worker(pod: Pod) -> bool:
    """Whether a StatefulSet, as a LeaderWorkerSet has one for each group, made the pod, and it leads none."""
    is_made = pod.controller is not None and pod.controller[0] == _MAKERS[GROUP_SET]
    return is_made and pod.labels.get(WORKER_INDEX, "0") != "0"


def without_those_of(
    pods: tuple[Pod, ...], key: TargetKey | None, keys: Sequence[TargetKey]
) -> tuple[Pod, ...]:
    """The pods of one target of a pool, without those that the names of their controllers give to another of
    its targets: two Deployments may have selectors that match the pods of both.

    Example: the ReplicaSet `chat-a100-6d4cf56db6` is one of the Deployment `chat-a100`.
    """
    if len(keys) < 2 or key is None:
        return pods
    others = [each for each in keys if each != key]
    return tuple(pod for pod in pods if _names(pod, key) or not any(_names(pod, each) for each in others))


def _names(pod: Pod, target: TargetKey) -> bool:
    """Whether the name of a pod's controller is one that this target gives."""
    if pod.controller is None:
        return False
    kind, name = pod.controller
    return (name.rpartition("-")[0] if kind == "ReplicaSet" else name) == target.name


def _is_foreign(pod: Pod, target: TargetKey | None) -> bool:
    """Whether something else than the target certainly made the pod, for example a Job or a person with the
    same labels.

    A Deployment may have adopted a ReplicaSet of any name, and a kind of another group may own its pods
    through anything that makes some number of pods, or not at all: such pods count. The kinds of _MAKERS own
    all of their pods, also those that they adopt, so that a pod that a person ran is none of them.
    """
    if target is None:
        return False
    maker = _MAKERS.get((target.group, target.kind))
    if pod.controller is None:
        return maker is not None
    kind, name = pod.controller
    if kind in _ONE_PER_NODE or (kind == target.kind and name != target.name):
        return True
    return kind != (maker or kind)
