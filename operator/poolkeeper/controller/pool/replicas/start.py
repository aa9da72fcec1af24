"""The start of one pod: when it was asked for, when it began, and whether the pod serves by now."""

from dataclasses import dataclass

from poolkeeper.core.learning.starts import lessons
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.kube.watch.pod import Pod

WITNESS_SECONDS = 5.0
"""A change of a pod that is older than this was not seen when it happened."""


@dataclass(slots=True)
class Start:
    """What is remembered of one pod. Instants are Unix seconds of this process's clock where it saw the
    change, since a pod shows whole seconds of another clock."""

    asked_at: float
    """The scale write that called for it, if known; else its creation."""
    is_witnessed: bool = False
    """Whether it was seen before any of its containers ran, so that its first request is known."""
    begun_at: float | None = None
    """When its start began; None while it has no node."""
    runs_since: float | None = None
    """When it was first seen to run without being Ready."""
    ended_at: float | None = None
    """When it began to serve, where that is known; None before, and where it isn't."""
    serves: bool = False
    """Whether it counts as ready."""
    works_since: float | None = None
    """When it was first seen to have taken a request that its readiness does not explain."""
    works_unready: bool = False
    """Whether it worked at the last look and was not Ready."""
    restarts: int = 0
    """How many times its containers had been started again at the last look."""
    was_without_node: bool = False
    """Whether it was seen before it had a node."""
    was_loading: bool = False
    """Whether it was seen before it was Ready."""
    failure: str = ""
    """Why it failed last, until it is Ready: a container that crashes runs in between. At first, why the pod
    that it replaces ended."""
    replaces: str = ""
    """Name of the pod whose end is its `failure`; empty where the failure is its own."""
    has_served: bool = False
    """Whether it counted as ready at an earlier look."""
    is_over: bool = False
    """Whether it has been noted that the pod ended."""
    is_learned: bool = False
    """Whether its start has ended and nothing more is learned from it."""
    learned_age: float | None = None
    """Age in seconds of the running start when it was last returned as a sample."""

    def note(self, pod: Pod, now: float) -> None:
        """Note how far the pod is."""
        self.is_witnessed = self.is_witnessed or not (pod.is_running or pod.is_ready)
        self.was_loading = self.was_loading or not pod.is_ready
        if pod.is_running and not pod.is_ready and self.runs_since is None:
            self.runs_since = now
        self.has_served = self.has_served or self.serves
        if pod.is_ready or pod.failure or (self.replaces and self.has_served):
            self.failure, self.replaces = "" if pod.is_ready else pod.failure, ""
        if self.begun_at is not None:
            return
        if not pod.has_node:
            self.was_without_node = True
            return
        admitted_at = pod.scheduled_at or self.asked_at
        if self.was_without_node and (pod.scheduled_at is None or _is_recent(pod.scheduled_at, now)):
            admitted_at = now
        self.begun_at = lessons.begun_at(self.asked_at, admitted_at)

    def becomes_ready(self, pod: Pod, now: float, *, is_late: bool) -> None:
        """Its readiness probe says that it serves. A probe that passes late does not show since when."""
        if self.ended_at is None and is_late:
            self.is_learned = True
        elif self.ended_at is None and pod.ready_at is not None:
            self.ended_at = now if self.was_loading and _is_recent(pod.ready_at, now) else pod.ready_at
        self.serves = True

    def works(self, at: float, *, began_at: float | None) -> None:
        """It is seen to work, and it became able to at `began_at` (None: nobody knows when)."""
        if self.ended_at is None and began_at is not None and self.is_witnessed and not self.serves:
            self.ended_at = began_at
        elif self.ended_at is None:
            self.is_learned = True
        self.serves, self.works_since = True, at

    def has_worked_for(self, seconds: float, now: float) -> bool:
        """Whether it has been seen to work for so long."""
        return self.works_since is not None and now - self.works_since >= seconds

    @property
    def replacement(self) -> str:
        """Which pod it replaces, in words, where that one's end is its failure."""
        return f"instead of pod {self.replaces}, which ended before it was ready" if self.replaces else ""

    def begins_again(self, at: float) -> None:
        """It serves no more: a start that begins now, from which nothing is learned."""
        self.serves, self.works_since = False, None
        self.is_learned, self.asked_at, self.begun_at = True, at, at

    def goes_on(self, at: float) -> None:
        """It was presumed to serve, or has served, but takes nothing: its start goes on if its end was not
        seen yet."""
        if self.is_learned or self.ended_at is not None:
            self.begins_again(at)
        else:
            self.serves = False

    def sample(self, pod: Pod, now: float, *, failed: bool = False) -> StartSample:
        """The start as far as it has come."""
        is_long = self.begun_at is not None and self.begun_at > self.asked_at
        return StartSample(
            uid=pod.uid,
            asked_at=self.asked_at,
            observed_at=now,
            scheduled_at=pod.scheduled_at,
            started_at=pod.started_at,
            ready_at=None if failed else self.ended_at,
            failed=failed,
            begun_at=self.begun_at if is_long else None,
        )


def _is_recent(at: float, now: float) -> bool:
    return abs(now - at) <= WITNESS_SECONDS
