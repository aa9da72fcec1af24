"""Which pods belong to which pool: the selectors of the targets, matched in memory."""

from collections.abc import Iterable

from poolkeeper.kube.transport.selectors import InvalidSelector, Requirement, parse_selector
from poolkeeper.kube.watch.pod import Pod


class PodSelection:
    """The pods of one namespace, indexed by their labels so that many pools are matched quickly."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._all = list(pods)
        self._by_label: dict[tuple[str, str], list[Pod]] = {}
        for pod in self._all:
            for label in pod.labels.items():
                self._by_label.setdefault(label, []).append(pod)

    def matching(self, selector: str) -> tuple[Pod, ...]:
        """The pods that a selector matches, in the order of their uids; none where it can't be read."""
        try:
            parsed = parse_selector(selector)
        except InvalidSelector:
            return ()
        candidates = min((self._candidates(each) for each in parsed.requirements), key=len, default=[])
        return tuple(
            sorted((pod for pod in candidates if parsed.matches(pod.labels)), key=lambda pod: pod.uid)
        )

    def _candidates(self, requirement: Requirement) -> list[Pod]:
        """The pods that may meet a requirement: for `key=value` those with that label, otherwise all."""
        if requirement.is_negated or requirement.values is None or len(requirement.values) != 1:
            return self._all
        (value,) = requirement.values
        return self._by_label.get((requirement.key, value), [])
