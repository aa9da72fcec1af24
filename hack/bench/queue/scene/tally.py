"""What becomes of every job of one pool, and what its replicas cost."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Cut(StrEnum):
    """Why a worker ended with a job in hand."""

    SCALE_DOWN = "scale-down"
    """The operator had lowered the replicas, and had read the queue after the worker took the job."""
    UNSEEN = "unseen"
    """The operator had lowered the replicas, and no reading had shown the job: a BRPOP worker had taken it at
    once, or before the next poll."""
    TOO_LATE = "too late"
    """The operator had lowered the replicas, and the worker took the job after the last reading before that
    write was sent."""
    OTHERS = "others"
    """Somebody else had lowered the replicas."""
    KILLED = "killed"
    """The worker's node was lost."""


@dataclass
class Tally:
    """The account of one pool in one run. All times are seconds."""

    jobs: int = 0
    """Jobs that were put into the queue."""
    begun: Counter[int] = field(default_factory=Counter)
    """How often each was begun."""
    done: Counter[int] = field(default_factory=Counter)
    """How often each was finished."""
    cuts: dict[int, Cut] = field(default_factory=dict)
    """Why each was last cut off."""
    cut: Counter[Cut] = field(default_factory=Counter)
    scale_ups: int = 0
    """Replicas that the operator asked for, added up."""
    scale_downs: int = 0
    """Times that the operator lowered the replicas."""
    replica_seconds: float = 0.0
    """From the creation of each pod until it was gone."""
    late: int = 0
    """Jobs that were first begun after the budget."""
    blind_stops: set[float] = field(default_factory=set)
    """When the operator lowered replicas that had unseen work: the instants of its last readings before."""
    cut_by_scale_down: list[str] = field(default_factory=list)
    """What happened, for the report: pod, job and times."""

    @property
    def lost(self) -> int:
        """Jobs that were cut off and never finished: nothing puts them back."""
        return sum(job not in self.done for job in self.cuts)

    @property
    def left(self) -> int:
        """Jobs that were neither finished nor cut off in the end."""
        return self.jobs - len(self.done) - self.lost

    @property
    def twice(self) -> int:
        """Jobs that were begun more than once."""
        return sum(times > 1 for times in self.begun.values())
