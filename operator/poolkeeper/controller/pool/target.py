"""What a pool knows about the replicas of its target, and when it has to look again."""

import random
from collections import deque

from poolkeeper.backoff import Backoff
from poolkeeper.core.learning.lessons import RELOOK_SECONDS
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.transport.selectors import selects_pods

FRESH_SECONDS = 0.5
SHORT_REREAD_SECONDS = 10.0
RETRIES = Backoff(first_seconds=1.0, longest_seconds=60.0)
FOREIGN_WRITES_KEPT_SECONDS = 600.0
FOREIGN_WRITES_TOLERATED = 1
"""A person who scales by hand once is no conflict; a second change within ten minutes looks like one."""


class Target:
    """One pool's view of /scale: read once in a few minutes, whenever its pods change, and before a write."""

    def __init__(self) -> None:
        self.scale: Scale | None = None
        self.failure: KubeFailure | None = None
        self._next_read_at = 0.0
        self._failures = 0
        self._read_at = 0.0
        self._foreign_writes: deque[float] = deque(maxlen=16)

    @property
    def selector(self) -> str:
        """Which pods are the target's, empty where that is not known."""
        return self.scale.selector if self.scale else ""

    @property
    def are_pods_told(self) -> bool:
        """Whether the target says which pods are its own: else none of them can be seen to load or to run."""
        return selects_pods(self.selector)

    def is_fresh(self, now: float) -> bool:
        """Whether /scale was read just now, so that a write may build on it."""
        return self.scale is not None and now - self._read_at <= FRESH_SECONDS

    def is_due(self, now: float) -> bool:
        """Whether /scale is to be read now."""
        return now >= self._next_read_at

    @property
    def next_read_at(self) -> float:
        """When /scale is to be read again."""
        return self._next_read_at

    def expire(self) -> None:
        """Something may have changed: read /scale before the next decision, unless it failed just now."""
        if self.failure is None:
            self._next_read_at = self._read_at = 0.0

    def mistrust(self, short_since: float | None) -> None:
        """Replicas have no pods since then: maybe somebody has taken them back, so look again soon."""
        if short_since is not None and self.failure is None:
            soon = max(short_since, self._read_at) + SHORT_REREAD_SECONDS
            self._next_read_at = min(self._next_read_at, soon)

    def was_read(self, scale: Scale, now: float) -> int | None:
        """Take in what was read. Returns the replicas before, where they are others now."""
        before, self.scale = self.scale, scale
        self.failure, self._failures, self._read_at = None, 0, now
        self._next_read_at = now + RELOOK_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        if before is None or before.uid != scale.uid or before.replicas == scale.replicas:
            return None
        return before.replicas

    def was_changed_elsewhere(self, now: float) -> None:
        """Somebody else has changed the replicas while they were ours to write."""
        self._foreign_writes.append(now)

    def forget(self) -> None:
        """Somebody else was to write until now, or is from now on: nothing that changed is odd."""
        self.scale = None
        self._foreign_writes.clear()
        self.expire()

    def was_written(self, scale: Scale) -> None:
        """Take in what our own write made of it."""
        self.scale = scale

    def has_failed(self, failure: KubeFailure, now: float) -> None:
        """Nothing is known about the target; look again after a while that grows."""
        self.scale, self.failure = None, failure
        self._next_read_at = now + RETRIES.pause_seconds(self._failures)
        self._failures += 1

    def foreign_writes(self, now: float) -> int:
        """How often somebody else has changed the replicas lately."""
        return sum(now - at <= FOREIGN_WRITES_KEPT_SECONDS for at in self._foreign_writes)

    def is_contested(self, now: float) -> bool:
        """Whether somebody else keeps changing the replicas."""
        return self.foreign_writes(now) > FOREIGN_WRITES_TOLERATED
