"""What a decision is made from: the demand of every source and the replicas of the target, as plain values.

All instants are Unix seconds of the one clock that `decide` is given as `now`; all durations are seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar


class ArrivalBucket(NamedTuple):
    """Requests that wait and arrived at about the same time, dated no later than they really came."""

    arrived_at: float
    requests: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The demand of one source at one instant.

    `queued` requests wait and no replica has taken them; `waiting` is the same requests by arrival, oldest
    first, at most 64 buckets whose counts add up to `queued`. `in_flight` requests are being worked on, or
    None where the source cannot see them. `orphaned` of the in-flight requests belong to workers that are
    gone and are not counted in `in_flight`. `arrived` and `completed` count requests since this source was
    first read (lower bounds where the source only shows depths). `emptied_at` is set when the server came
    back empty after a restart: what waited may be lost or may return, so nothing is known for a while.
    """

    source: str
    observed_at: float
    queued: int
    in_flight: int | None = None
    orphaned: int = 0
    waiting: tuple[ArrivalBucket, ...] = ()
    arrived: int = 0
    completed: int = 0
    emptied_at: float | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A source that could not be read: demand is unknown, which is never the same as none.

    `reason` is a CamelCase word for conditions, `message` a sentence for people without credentials in it,
    `since` the first instant of this outage.
    """

    source: str
    reason: str
    message: str
    since: float


Demand = Reading | Unavailable
AnyDemand = TypeVar("AnyDemand", bound=Demand)


def of_source(demands: Iterable[AnyDemand], name: str) -> AnyDemand | None:
    """What is known about the source of this name; None where nothing is."""
    for demand in demands:
        if demand.source == name:
            return demand
    return None


@dataclass(frozen=True, slots=True)
class StartingReplica:
    """A replica that has been asked for and is not ready yet; `asked_at` is the scale write where known."""

    asked_at: float


@dataclass(frozen=True, slots=True)
class Replicas:
    """The target as the API server and its pods show it.

    `desired` is `.spec.replicas` of /scale. `starting` holds at most `desired - ready` entries; a replica
    written but without a pod yet is in it too. `terminating` replicas are paid for but take no new work.
    """

    desired: int
    ready: int
    starting: tuple[StartingReplica, ...] = ()
    terminating: int = 0


@dataclass(frozen=True, slots=True)
class WarmFloor:
    """The replicas that declared windows demand now, and when that number changes next."""

    replicas: int = 0
    changes_at: float | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """The last replicas may stop at any time: nobody depends on them, or somebody holds what arrives."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The last replicas may not stop yet: a request that arrives would reach nobody."""

    reason: str
    """What the stop waits for, as a CamelCase word such as Settling."""
    sentence: str
    """The same for people, without a full stop."""
    since: float | None = None
    """When the stop began to wait for this; None before the pool should be at zero."""


Stop = Clear | Waiting
CLEAR = Clear()
NOT_SEEN_YET = Waiting("NotSeenYet", "the Service and the activators have not been looked at yet")
"""The stop of a pool with an http source until the first look at its Service."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything `decide` may look at besides the spec and its own state.

    `replicas` is None while the target cannot be read. `ceiling` is the most replicas that quota allows at
    this moment, or None where only the spec's maximum counts. `stop` says whether the last replicas may stop:
    always for a pool that no Service leads to.
    """

    demand: tuple[Demand, ...]
    replicas: Replicas | None
    warm_floor: WarmFloor = WarmFloor()
    ceiling: int | None = None
    stop: Stop = CLEAR
