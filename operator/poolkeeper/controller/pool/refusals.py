"""Asks why replicas have no pods, while they have none for longer than a controller takes to make them."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from poolkeeper.controller.loop.patience import Patience
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.refused_pods import Refusal
from poolkeeper.kube.transport.errors import KubeFailure

SHORT_SECONDS = 3.0
"""A target's controller makes its pods within this time, unless it is refused."""
FIRST_REREAD_SECONDS = 5.0
LONGEST_REREAD_SECONDS = 60.0
"""A refusal is asked for again after pauses that double from the first to the longest of these."""
UNREAD = "It can't be read why pods are not created"


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is known about replicas without pods."""

    refusal: Refusal | None = None
    """Why the last pod was not created; None where nothing says so."""
    expires_at: float = 0.0
    """Unix seconds at which it is asked for again."""
    reads: int = 0
    """How many times it was asked for since replicas have had no pods."""

    def due_at(self, short_since: float | None) -> float | None:
        """When to ask next; None while no replica lacks its pod."""
        return None if short_since is None else max(short_since + SHORT_SECONDS, self.expires_at)


NO_SHORTAGE = Shortage()


class RefusalReader:
    """Reads why pods are refused. What can't be read is unknown, and is logged once."""

    def __init__(
        self, read: Callable[[TargetKey, float], Awaitable[Refusal | None]], clock: Callable[[], float]
    ) -> None:
        self._read = read
        self._clock = clock
        self._patience: dict[str, Patience] = {}
        """By namespace, where the last read failed: a right is granted for a namespace."""

    async def read(self, target: TargetKey, before: Shortage) -> Shortage:
        """Why the target's last pod was not created, and when to ask again."""
        pause_seconds = min(FIRST_REREAD_SECONDS * 2.0**before.reads, LONGEST_REREAD_SECONDS)
        reads = min(before.reads + 1, 10)
        try:
            refusal = await self._read(target, self._clock())
        except KubeFailure as failure:
            patience = self._patience.setdefault(target.namespace, Patience(UNREAD))
            return Shortage(None, self._clock() + max(pause_seconds, patience.failed(failure)), reads)
        self._patience.pop(target.namespace, None)
        expires_at = self._clock() + pause_seconds * random.uniform(0.8, 1.2)  # noqa: S311
        return Shortage(refusal, expires_at, reads)
