"""One arm of a pool as it is seen now, and how many replicas each arm should have."""

import math
from typing import NamedTuple

from poolkeeper.core.learning.starts import admission
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.starts.arms import NOT_LEARNED, Tried
from poolkeeper.core.learning.starts.scarce import PLENTY, Scarce
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
    scarce: Scarce = PLENTY
    """Whether the class had no capacity lately."""
    micro_dollars_per_hour: int | None = None
    """What one replica costs, in millionths of a dollar; None where the class has no price."""
    may_write: bool = True
    """Whether its replicas may be changed now; False while another writer is left alone."""
    starts: StartTimes = NOT_LEARNED
    """How long starts take on this class, as the pool's state has it."""
    admission: Admission = Admission()
    """How long replicas of this class wait for a node, as the pool's state has it."""

    @property
    def wait_seconds(self) -> float:
        """How long a replica usually waits for a node; 0 where the last ones had one at once."""
        known = self.admission
        if not known.held_share:
            return 0.0
        return admission.expected_wait(known._replace(waiting=(), short=None), 0.0)

    @property
    def pending(self) -> tuple[StartingReplica, ...]:
        """Its replicas that wait for a node, the oldest first."""
        return tuple([each for each in self.replicas.starting if each.stage is Stage.UNADMITTED])

    @property
    def patience_seconds(self) -> float:
        """For how long a replica may wait for a node until the class counts as one without capacity."""
        return max(SCARCE_AFTER_SECONDS, 2.0 * self.wait_seconds)


class Spread(NamedTuple):
    """How many replicas each arm should have."""

    numbers: tuple[int, ...]
    tried: Tried
    scarce: tuple[Scarce, ...]
    """What is known of the class of each arm now."""
    why: str = ""
    """A sentence about the choice of arms, without a full stop; empty where there is nothing to say."""
    due_at: float = math.inf
    """When the choice may change without news, in Unix seconds."""
