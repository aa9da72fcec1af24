"""What a pool knows about the replicas of its target, and when /scale is read again."""

import random
from dataclasses import replace

from poolkeeper.backoff import Backoff
from poolkeeper.controller.pool.contest import Contest
from poolkeeper.core.tuning import RELOOK_SECONDS
from poolkeeper.core.values.observation import Foreign
from poolkeeper.kube.objects.managed_fields import ReplicaWriter
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.transport.selectors import selects_pods

FRESH_SECONDS = 0.5
"""A write is based on a /scale that was read no longer ago than this."""
SHORT_REREAD_SECONDS = 10.0
"""While replicas have no pods, /scale is read again after this time."""
RETRIES = Backoff(first_seconds=1.0, longest_seconds=60.0)


class Target:
    """/scale of one target: read every few minutes, when its pods change, and before a write."""

    def __init__(self, *, is_new: bool = False) -> None:
        self.is_new = is_new
        """Whether the pool was edited to name it, so that past decisions are about another target."""
        self.scale: Scale | None = None
        self.failure: KubeFailure | None = None
        self.next_read_at = 0.0
        """When /scale must be read again."""
        self.asked: int | None = None
        """The replicas that decisions of ours explain; None until that is known."""
        self.foreign: Foreign | None = None
        """More replicas than that, which another writer has set or which were found."""
        self.contest = Contest()
        """Whether another writer keeps changing the replicas."""
        self._failures = 0
        self._read_at = 0.0

    @property
    def selector(self) -> str:
        """The label selector of the target's pods; empty where it is not known."""
        return self.scale.selector if self.scale else ""

    @property
    def has_selector(self) -> bool:
        """Whether the target reports which pods are its own; without that, its replicas can't be observed."""
        return selects_pods(self.selector)

    def is_fresh(self, now: float) -> bool:
        """Whether /scale was read so recently that a write may be based on it."""
        return self.scale is not None and now - self._read_at <= FRESH_SECONDS

    def is_due(self, now: float) -> bool:
        return now >= self.next_read_at

    def expire(self) -> None:
        """Read /scale before the next decision, because it may have changed; not while reading it fails."""
        if self.failure is None:
            self.next_read_at = self._read_at = 0.0

    def mistrust(self, short_since: float | None) -> None:
        """Read /scale again soon if replicas have had no pods since `short_since`: it may have been
        lowered."""
        if short_since is not None and self.failure is None:
            soon = max(short_since, self._read_at) + SHORT_REREAD_SECONDS
            self.next_read_at = min(self.next_read_at, soon)

    def was_read(self, scale: Scale, now: float) -> int | None:
        """Keep what was read. Returns the replicas before, where they have changed."""
        before, self.scale = self.scale, scale
        self.failure, self._read_at = None, now
        if self.has_selector:
            self._failures = 0
            self.next_read_at = now + RELOOK_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        else:
            # The controller of a LeaderWorkerSet that was just created has not filled in its status yet.
            self._try_again(now)
        if before is None:
            self._go_on_after_failure(scale.replicas)
        elif before.uid != scale.uid:
            self.disown()
        elif before.pods != scale.pods:
            return before.replicas
        return None

    def was_written(self, scale: Scale, now: float, *, only_corrected: bool) -> None:
        """The operator has written the replicas. Where it only brought a foreign number within the bounds,
        the rest of it stays foreign."""
        self.scale, self.asked = scale, scale.replicas
        self.contest.wrote(now)
        if only_corrected and self.foreign and scale.replicas:
            self.foreign = replace(self.foreign, replicas=scale.replicas)
        else:
            self.foreign = None

    def was_changed_elsewhere(self, before: int, writer: ReplicaWriter | None, now: float) -> None:
        """The replicas were changed by another writer while this replica of the operator leads."""
        self.contest.changed(writer, now)
        replicas = self.scale.replicas if self.scale else 0
        self.asked = min(before if self.asked is None else self.asked, replicas)
        self.foreign = Foreign(replicas, now, str(writer or "")) if replicas > self.asked else None

    def disown(self) -> None:
        """The operator does not decide on these replicas: the next look that may write finds them."""
        self.asked = self.foreign = None

    def forget(self) -> None:
        """Leadership changed: changes made by another replica of the operator are not foreign writes."""
        self.scale = None
        self.contest = Contest()
        self.disown()
        self.expire()

    def _go_on_after_failure(self, replicas: int) -> None:
        """Other replicas than before count as ours: they may be a write of ours without an answer."""
        if self.asked is not None and not (self.foreign and self.foreign.replicas == replicas):
            self.asked, self.foreign = replicas, None

    def has_failed(self, failure: KubeFailure, now: float) -> None:
        """/scale can't be read or written; it is read again after a pause that grows."""
        self.scale, self.failure = None, failure
        self._try_again(now)

    def _try_again(self, now: float) -> None:
        self.next_read_at = now + RETRIES.pause_seconds(self._failures)
        self._failures += 1
