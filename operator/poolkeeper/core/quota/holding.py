"""How many replicas of one target count against a quota, from what is asked of it and which pods it has.

A replica counts from the moment at which a raise is reserved until its pod is gone. What was seen may be
older than the cluster, so what may be there counts too: a raise without an answer, and pods that nobody has
seen yet.
"""

from dataclasses import dataclass

PROMISE_SECONDS = 5.0
"""What is kept for a pool that comes up with another one is kept for so long. Source: chosen; the pool is
decided on within milliseconds, and its write takes as long as the API server."""
SETTLE_SECONDS = 10.0
"""Pods that a target asked for and that nobody has seen may still come for so long after it was lowered.
Source: chosen; controllers act on a change within a second, and within a few under load."""
UNANSWERED_SECONDS = 60.0
"""A write without an answer may still happen for so long. Source: the request timeout of the API server,
`--request-timeout`, is 60 s by default."""


@dataclass(slots=True)
class Holding:
    """What one target holds. All instants are Unix seconds; versions are those of /scale.

    Example: a target asks for 5, and 3 pods were seen. It is lowered to 2: 1 of the 3 pods is about to go,
    and 2 more may have been made meanwhile. So 5 count until 10 s have passed, and from then on those whose
    pods are there. If it is raised to 3 before that, 6 count: the new one beside all that may still be going.
    """

    asked: int = 0
    """The replicas that /scale asks for, as last read or written."""
    live: int = 0
    """The replicas that have pods which are not terminating, as last seen."""
    ending: int = 0
    """The replicas whose pods are terminating and still there."""
    reserved: int = 0
    """The replicas of a raise that is being written, or that was written without an answer; 0 for none."""
    going: int = 0
    """The most replicas that may be leaving since the target was lowered a moment ago, seen or not."""
    settled_at: float = 0.0
    """When the controller has acted on that and its pods were seen."""
    is_read: bool = False
    """Whether /scale and the pods were read since this replica of the operator leads."""
    before: int = 0
    """The replicas that the leader before has noted last."""
    promised: int = 0
    """The replicas that are kept for the pool because a partner was raised."""
    promised_until: float = 0.0
    """Until when they are."""
    open_version: str = ""
    """The version that a write without an answer was based on; empty where there is none."""
    open_until: float = 0.0
    """Until when it may still happen."""

    @property
    def held(self) -> int:
        """The replicas that are asked for, and those that are kept for the pool."""
        return max(self.asked, self.reserved, self.promised)

    @property
    def leaving(self) -> int:
        """The replicas that count beside those, until their pods are gone."""
        return max(self.ending + max(0, self.live - max(self.asked, self.reserved)), self.going)

    def assume(self, at_most: int, noted: int) -> None:
        """This replica of the operator begins to lead: so many replicas may be there, and `noted` is what the
        leader before has seen last."""
        self.asked, self.before, self.is_read = max(at_most, noted), noted, False

    def read(self, asked: int, version: str, now: float) -> None:
        """/scale was read."""
        if not self.is_read:
            self.asked, self.is_read = self.before, True
        is_open = bool(self.open_version)
        if is_open and (version != self.open_version or now >= self.open_until):
            # Any other version refuses a write that was based on the one before.
            is_open = False
        if is_open:
            self.asked = max(asked, self.asked)
            return
        self._asks(asked, now)

    def saw(self, live: int, ending: int, now: float) -> None:
        """The pods were read; they may be older than /scale."""
        self.live, self.ending = live, ending
        if now >= self.promised_until:
            self.promised = 0
        if now >= self.settled_at:
            self.going = 0

    def reserve(self, replicas: int) -> None:
        """A raise to so many replicas is about to be written."""
        self.reserved = max(self.reserved, replicas)

    def promise(self, replicas: int, now: float) -> None:
        """A partner is about to be raised: so many replicas are kept for this pool."""
        self.promised, self.promised_until = replicas, now + PROMISE_SECONDS

    def written(self, replicas: int, now: float) -> None:
        """A write was answered: each write before it has happened, or never will."""
        self.promised = 0
        self._asks(replicas, now)

    def refused(self) -> None:
        """The raise was not written."""
        if not self.open_version:
            self.reserved = 0

    def unanswered(self, version: str, now: float) -> None:
        """The raise, based on this version, may or may not have been written."""
        self.open_version, self.open_until = version, now + UNANSWERED_SECONDS

    def changes_at(self) -> float | None:
        """When fewer may count although nothing happens; None for never."""
        times = [self.open_until] if self.open_version else []
        if self.going:
            times.append(self.settled_at)
        if self.promised:
            times.append(self.promised_until)
        return min(times, default=None)

    def _asks(self, replicas: int, now: float) -> None:
        """The target asks for so many replicas now."""
        before = max(self.asked, self.reserved)
        if replicas < before:
            self.going = before + self.leaving - replicas
            self.settled_at = now + SETTLE_SECONDS
        self.asked, self.reserved, self.open_version = replicas, 0, ""
