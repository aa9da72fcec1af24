"""Another writer that keeps changing the replicas of a target: from when on, and how long each of our writes
must wait then.

Two writers that answer each other at once end workers over and over. So from the second foreign change within
ten minutes on, there is a pause of a minute after each write. A write that is undone doubles the pause.
Example: writes at 0 s and 7 s are undone; the next are at 67 s, 187 s, 427 s, and then every 16 minutes at
most.
"""

import math

from poolkeeper.core.values.observation import Held
from poolkeeper.kube.objects.managed_fields import ReplicaWriter

CONTESTED = "ReplicasChangedElsewhere"
"""The reason of events and conditions about it."""
KEEPS_CHANGING = " keeps changing the replicas"
"""What follows the name of the other writer in the condition about it."""
QUIET_SECONDS = 600.0
"""One change by hand is no conflict; a second one within this time is. It ends after as long without one."""
FIRST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 960.0


class Contest:
    """What is known about the other writer of one target."""

    def __init__(self) -> None:
        self.writer: ReplicaWriter | None = None
        """Who changed the replicas last, as far as that was recorded."""
        self.changed_at = -math.inf
        """When the last foreign change was seen, in Unix seconds."""
        self.said = ""
        """The words of an earlier leader about a writer that the API server does not name any more; empty
        once a change was seen."""
        self._pause_seconds = 0.0
        """0 while there is no contest."""
        self._wrote_at = -math.inf
        self._answered_at: float | None = None
        """When the operator first wrote after the last foreign change; None where it has not."""

    @property
    def name(self) -> str:
        """The other writer; empty where it is not known."""
        name, keeps_changing, _ = self.said.partition(KEEPS_CHANGING)
        return name if keeps_changing else str(self.writer or "")

    def pause_seconds(self, now: float) -> float:
        """The shortest time between two writes; 0 where no other writer keeps changing the replicas."""
        if now >= self._quiet_at():
            self._pause_seconds = 0.0
        return self._pause_seconds

    def ends_at(self, now: float) -> float | None:
        """When the contest ends: once there was, or could have been, something to undo for QUIET_SECONDS;
        None for no contest."""
        return self._quiet_at() if self.pause_seconds(now) else None

    def _quiet_at(self) -> float:
        may_write_at = max(self.changed_at, self._wrote_at + self._pause_seconds)
        return QUIET_SECONDS + (may_write_at if self._answered_at is None else self._answered_at)

    def held(self, now: float) -> Held | None:
        """Until when no change may be written; None where one may."""
        until = self._wrote_at + self.pause_seconds(now)
        return Held(until, self.name) if until > now else None

    def changed(self, writer: ReplicaWriter | None, now: float) -> None:
        """Another writer has changed the replicas."""
        pause_seconds = self.pause_seconds(now)
        if pause_seconds and self._answered_at is not None:
            self._pause_seconds = min(2.0 * pause_seconds, LONGEST_PAUSE_SECONDS)
        elif not pause_seconds and now - self.changed_at <= QUIET_SECONDS:
            self._pause_seconds = FIRST_PAUSE_SECONDS
        self.writer, self.said = writer or self.writer, ""
        self.changed_at, self._answered_at = now, None

    def wrote(self, now: float) -> None:
        """The operator has written the replicas."""
        self._wrote_at = now
        self._answered_at = now if self._answered_at is None else self._answered_at

    def resume(self, since: float, wrote_at: float, now: float) -> None:
        """Go on after a restart with a contest that began at `since`: the pause is what it can have grown
        to."""
        pause_seconds = FIRST_PAUSE_SECONDS
        grows_at = since + pause_seconds
        while grows_at < now and pause_seconds < LONGEST_PAUSE_SECONDS:
            pause_seconds = min(2.0 * pause_seconds, LONGEST_PAUSE_SECONDS)
            grows_at += pause_seconds
        self._pause_seconds, self._wrote_at, self.changed_at = pause_seconds, wrote_at, now
