"""One arm of a pool as it is seen now, and what is remembered of all arms between two looks."""

import math
from typing import NamedTuple

from poolkeeper.core.arms.scarce import PLENTY, Scarce
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.tuning import SCARCE_AFTER_SECONDS
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica


class Arm(NamedTuple):
    """One target of a pool on its class, at this moment."""

    name: str
    """What people call it: its class, with the market where one is declared."""
    replicas: Replicas
    """The replicas of this target alone."""
    most: int
    """The most replicas that it may have: its own `max`, and what quota allows of its class."""
    starts: StartTimes
    """How long starts take on this class."""
    wait_seconds: float = 0.0
    """How long a replica of this class usually waits for a node; 0 until a wait was seen."""
    scarce: Scarce = PLENTY
    """Whether the class had no capacity lately."""
    micro_dollars_per_hour: int | None = None
    """What one replica costs, in millionths of a dollar; None where the class has no price."""
    may_write: bool = True
    """Whether its replicas may be changed now; False while another writer is left alone."""

    @property
    def pending(self) -> tuple[StartingReplica, ...]:
        """Its replicas that wait for a node, the oldest first."""
        return tuple([each for each in self.replicas.starting if each.stage is Stage.UNADMITTED])

    @property
    def patience_seconds(self) -> float:
        """For how long a replica may wait for a node until the class counts as one without capacity."""
        return max(SCARCE_AFTER_SECONDS, 2.0 * self.wait_seconds)


class Tried(NamedTuple):
    """What is remembered of the arms between two looks."""

    extra: tuple[int, ...] = ()
    """For each arm, how many of its starting replicas are no part of the number that was decided: they were
    given up by a start elsewhere, or try whether capacity has returned. Once ready, they count."""
    moved_at: float = -math.inf
    """When such a try was last begun, in Unix seconds."""


NOTHING_TRIED = Tried()


class Spread(NamedTuple):
    """How many replicas each arm should have."""

    numbers: tuple[int, ...]
    tried: Tried
    scarce: tuple[Scarce, ...]
    """What is known of the class of each arm now."""
    why: str = ""
    """A sentence about the choice of arms, without a full stop; empty where nothing is to be said."""
    due_at: float = math.inf
    """When the choice may change without news, in Unix seconds."""
