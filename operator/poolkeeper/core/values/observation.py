"""What a decision is made from: the demand of every source and the replicas of the target, as plain values.

All instants are Unix seconds of the one clock that `decide` is given as `now`; all durations are seconds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

from poolkeeper.core.tuning import ADMISSION_SECONDS
from poolkeeper.core.values.unmoved import NONE, Unmoved


class ArrivalBucket(NamedTuple):
    """Requests that wait and arrived at about the same time, dated no later than they really came."""

    arrived_at: float
    requests: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The demand of one source at one instant."""

    source: str
    observed_at: float
    """When the source was read."""
    queued: int
    """Requests that wait and that no replica has taken."""
    in_flight: int | None = None
    """Requests that replicas work on, without orphaned ones; None if the source can't see them."""
    orphaned: int = 0
    """Requests in flight whose worker is gone: they have not moved for longer than `maxServiceSeconds`."""
    unmoved: Unmoved = NONE
    """The requests in flight that have not moved for longer than the source's limit. Where
    `maxServiceSeconds` is not declared they may be worked on, and are among those in flight."""
    found_at: float = -math.inf
    """When the first poll found requests in flight, some of which have been so ever since: they may have been
    there for long."""
    touched_at: float = -math.inf
    """When the requests in flight were last touched, so that one of the orphaned may be worked on again since
    then without being seen; minus infinity where that can't be."""
    waiting: tuple[ArrivalBucket, ...] = ()
    """The queued requests by arrival, oldest first: at most ARRIVAL_BUCKETS buckets that add up to
    `queued`."""
    arrived: int = 0
    """Requests that arrived since the source was first read; a lower bound if it only shows depths."""
    completed: int = 0
    """Requests that were completed since then; a lower bound too."""
    emptied_at: float | None = None
    """When the server came back empty after a restart: its requests may be lost or may return."""
    quiet_seconds: float | None = None
    """For how long at least no worker has taken a request, as the server shows; None where it does not."""
    trail: str = ""
    """What the source shows of its past: another text after a restart of its server, or after a request came
    and went, where the source can tell."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A source that could not be read: its demand is unknown, which is never the same as none."""

    source: str
    reason: str
    """A CamelCase word for conditions."""
    message: str
    """A sentence for people, without credentials."""
    since: float
    """The first instant of this outage; 0 before the source was asked for the first time."""

    @property
    def is_first(self) -> bool:
        """Whether the source has not been asked yet, which is no failure."""
        return self.since == 0.0


Demand = Reading | Unavailable
AnyDemand = TypeVar("AnyDemand", bound=Demand)


def of_source(demands: Iterable[AnyDemand], name: str) -> AnyDemand | None:
    """What is known about the source of this name; None where nothing is."""
    for demand in demands:
        if demand.source == name:
            return demand
    return None


class Stage(StrEnum):
    """How far a replica is that was asked for and is not ready yet."""

    UNADMITTED = "Unadmitted"
    """It has no pod, or its pod has no node: gated, unschedulable, or refused by quota or admission."""
    NO_CONTAINER = "NoContainer"
    """It has a node, and none of its containers runs: images are pulled, init containers run."""
    RUNNING = "Running"
    """A container runs, so that it may take requests, but it has not been seen to take any."""


POD_MISSING = "PodMissing"
"""The failure of a replica of several pods, one of which does not exist."""


@dataclass(frozen=True, slots=True)
class StartingReplica:
    """A replica that was asked for and is not ready yet."""

    asked_at: float
    """The scale write, if known; else the creation of its pod."""
    stage: Stage
    """How far it is."""
    begun_at: float | None = None
    """When the start began, as starts are learned: when it was asked for, or once it was admitted if that
    took long. None while it is not admitted."""
    failure: str = ""
    """Why it can't get ready as it is: the kubelet's reason, such as ImagePullBackOff; empty if it may.
    While it is not admitted, the reason for that where one is known, such as QuotaExceeded."""
    removed_with: Stage | None = None
    """The furthest stage among the replicas that Kubernetes may remove before this one; RUNNING where ready
    ones are among them. None where it removes only replicas that are no further than this one."""
    pod: str = ""
    """Name of its pod; empty while it has none."""
    words: str = ""
    """What the cluster says about the failure beside its reason, in one line; may be empty."""
    doing: str = ""
    """What takes long although nothing has failed: ImagePulling; empty where that is not known."""

    @property
    def reached(self) -> Stage:
        """The furthest stage of all that are removed when the target is lowered until this one goes.

        Example: of a StatefulSet's replicas, 0 is not admitted and 1 is running. The highest number goes
        first, so replica 0 can't be taken back without replica 1.
        """
        return self.stage if self.removed_with is None else self.removed_with

    def is_under_way(self, now: float) -> bool:
        """Whether the start has begun, or was asked for so lately that it is about to."""
        return self.begun_at is not None or now - self.asked_at <= ADMISSION_SECONDS

    def age(self, now: float) -> float:
        """Seconds that the start has taken so far, as starts are learned: none while it waits to be admitted
        for longer than usual, since all of the start is still to come then."""
        if self.begun_at is not None:
            return now - self.begun_at
        return now - self.asked_at if self.is_under_way(now) else 0.0


@dataclass(frozen=True, slots=True)
class Foreign:
    """A number of replicas that another writer has set above what the operator asked for, or that were there
    when the pool was first seen, and that still stands."""

    replicas: int
    """The number."""
    since: float
    """When it was first seen."""
    writer: str = ""
    """Who set it, such as `kubectl (scale)`; empty where that is not known."""
    is_found: bool = False
    """Whether the replicas were there when the pool was first seen."""


@dataclass(frozen=True, slots=True)
class Held:
    """Another writer keeps changing the replicas: the operator does not write before an instant."""

    until: float
    """Unix seconds from which on it may write again."""
    writer: str = ""
    """Who keeps changing them, such as `argocd-controller (Apply)`; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The target as the API server and its pods show it."""

    desired: int
    """`.spec.replicas` of /scale."""
    ready: int
    """Replicas that take requests: Ready with a readiness probe, seen to work, or without a probe and old
    enough that they should."""
    starting: tuple[StartingReplica, ...] = ()
    """At most `desired - ready` replicas; one that has no pod yet is among them."""
    terminating: int = 0
    """Replicas that are still paid for but take no new requests."""
    unready_working: int = 0
    """How many of `ready` work although Kubernetes does not call them Ready."""
    foreign: Foreign | None = None
    """A number that another writer set or that was found, while it stands."""
    set_aside: tuple[StartingReplica, ...] = ()
    """Replicas of a pool with fallbacks that wait to be admitted and are not counted on any more, because
    another class is sooner. They are not among `starting` and `desired`."""


@dataclass(frozen=True, slots=True)
class WarmFloor:
    """The replicas that warm windows ask for."""

    replicas: int = 0
    """The number now."""
    changes_at: float | None = None
    """When that number changes next; None for never."""
    window: str = ""
    """Name of the open window that asks for that number; empty where none is open."""
    until: str = ""
    """When that window closes, in its own time zone, for example 18:00 Europe/Berlin; empty for never."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The last replicas may stop at any time: no Service leads to them, or the activators hold what
    arrives."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The last replicas may not stop yet: no one would answer a request that arrives."""

    reason: str
    """What the stop waits for, as a CamelCase word such as Settling."""
    sentence: str
    """The same for people, without a full stop."""
    since: float | None = None
    """When the stop began to wait for this; None before the pool should be at zero."""


Stop = Clear | Waiting
CLEAR = Clear()
NOT_SEEN_YET = Waiting("NotSeenYet", "the operator has not read the Service and the activators yet")
"""The stop of a pool with an http source until the first look at its Service."""


class Lowered(NamedTuple):
    """What keeps a pool below its own maximum."""

    reason: str
    """A CamelCase word for the condition WithinLimits."""
    words: str
    """The same in a sentence, such as `quota`."""


QUOTA = Lowered("AtQuota", "quota")


class Partner(NamedTuple):
    """Another pool that is only useful together with this one."""

    name: str
    """Name of the pool, in the same namespace."""
    wants: int | None
    """The replicas that it wants by itself; None while nothing has been decided about it."""
    may_stop: bool
    """Whether nothing but its partners keeps its last replicas."""
    asks: int = 0
    """The replicas that it would want if no quota held it back."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that `decide` may look at besides the spec and the state."""

    demand: tuple[Demand, ...]
    """One entry for each source."""
    replicas: Replicas | None
    """None while the target can't be read."""
    warm_floor: WarmFloor = WarmFloor()
    """The replicas that warm windows ask for now."""
    ceiling: int | None = None
    """The most replicas that quota or a spent budget allows now; None if only the spec's maximum counts."""
    ceiling_by: Lowered = QUOTA
    """What has set `ceiling`."""
    stop: Stop = CLEAR
    """Whether the last replicas may stop: always for a pool that no Service leads to."""
    held: Held | None = None
    """Until when no change is written, because another writer keeps changing the replicas."""
    partners: tuple[Partner, ...] = ()
    """The pools with which this one comes up and goes to zero; none for most pools."""
