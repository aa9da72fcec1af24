"""What a decision is: a number of replicas, the reason for it, and when to look again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from poolkeeper.core.values.stake import Stake


class Reason(StrEnum):
    """Why a number of replicas was chosen; shown to people, counted in metrics, stable across versions."""

    AT_ZERO = "AtZero"
    AT_FLOOR = "AtFloor"
    WITHIN_BUDGET = "WithinBudget"
    LATE = "Late"
    NO_START_HELPS = "NoStartHelps"
    WAITING_FOR_DEADLINE = "WaitingForDeadline"
    START_FOR_DEADLINE = "StartForDeadline"
    START_AT_ONCE = "StartAtOnce"
    START_AHEAD = "StartAhead"
    START_CANCELLED = "StartCancelled"
    STARTING = "Starting"
    KEPT_WARM = "KeptWarm"
    WARM_WINDOW = "WarmWindow"
    IDLE = "Idle"
    STOP_IDLE = "StopIdle"
    STOP_SURPLUS = "StopSurplus"
    HANDING_OVER = "HandingOver"
    WITH_PARTNERS = "WithPartners"
    STOPPING_TOGETHER = "StoppingTogether"
    HELD_BACK = "HeldBack"
    BUSY = "Busy"
    IN_FLIGHT_UNSEEN = "InFlightUnseen"
    DEMAND_UNKNOWN = "DemandUnknown"
    TARGET_UNKNOWN = "TargetUnknown"
    START_OVERDUE = "StartOverdue"
    PULLING_IMAGE = "PullingImage"
    STARTS_FAILING = "StartsFailing"
    AWAITING_ADMISSION = "AwaitingAdmission"
    AT_CEILING = "AtCeiling"
    OUT_OF_BOUNDS = "OutOfBounds"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fact for a condition: True, False or unknown (None), a CamelCase reason and a sentence."""

    holds: bool | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a start of a pool does not succeed now."""

    reason: str
    """A CamelCase word, such as CrashLoopBackOff."""
    sentence: str
    """The same for people, with the pod and since when."""
    pod: str
    """Name of the pod; empty where none could be created."""
    is_failure: bool = True
    """Whether the start can't succeed as it is; False while it only waits to be admitted."""
    may_pass: bool = False
    """Whether this is how a start often begins: nodes are added, and gates opened, within minutes."""


_STOPPING = frozenset({Reason.HANDING_OVER, Reason.STOPPING_TOGETHER})


class Decision(NamedTuple):
    """The outcome of one call of `decide`. The verdicts become the conditions of the same names."""

    replicas: int
    """Replicas that the target should have; the present number if nothing is to change."""
    reason: Reason
    message: str
    """A sentence with the numbers that led to it."""
    review_at: float | None
    """The next instant at which the outcome could change without any new observation; None for never."""
    demand_known: Verdict
    budget_attainable: Verdict
    within_limits: Verdict
    due_at: float | None = None
    """The same without the instant at which the readings become too old, so that it stays while reads
    repeat."""
    trouble: Trouble | None = None
    """Why a start does not succeed now; None while none is known to be in trouble."""
    unworked: int = 0
    """Requests in flight that no replica can be working on, orphans not included."""
    explain_at: float | None = None
    """When the message should be made again although nothing else has changed, because requests become late
    that wait; None for never."""
    stake: Stake | None = None
    """What is at stake for the pool where it shares a quota; None where no quota counts it, or the replicas
    can't be seen."""
    wants: int = 0
    """The replicas that the pool wants by itself, without its partners."""
    may_stop: bool = True
    """Whether nothing but its partners keeps the last replicas."""
    asks: int = 0
    """The replicas that the pool would want by itself if no quota held it back."""

    @property
    def aims_at_zero(self) -> bool:
        """Whether the pool should be at zero, also while its last replicas still have to stay."""
        return self.replicas == 0 or self.reason in _STOPPING
