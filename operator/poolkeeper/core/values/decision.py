"""What a decision is: a number of replicas, the reason for it, and when to look again."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a number of replicas was chosen; shown to people, counted in metrics, stable across versions."""

    AT_ZERO = "AtZero"
    AT_FLOOR = "AtFloor"
    WITHIN_BUDGET = "WithinBudget"
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
    BUSY = "Busy"
    IN_FLIGHT_UNSEEN = "InFlightUnseen"
    DEMAND_UNKNOWN = "DemandUnknown"
    TARGET_UNKNOWN = "TargetUnknown"
    AT_CEILING = "AtCeiling"
    OUT_OF_BOUNDS = "OutOfBounds"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fact for a condition: True, False or unknown (None), a CamelCase reason and a sentence."""

    holds: bool | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one call of `decide`.

    `replicas` is what the target should have (equal to the present number when nothing is to change),
    `message` a sentence with the numbers that led to it, `review_at` the next instant at which the outcome
    could change without any new observation (None: only news can change it). `due_at` is the same as long as
    the sources keep being read with the same result: it leaves out the instant at which the present readings
    grow too old. The verdicts become the conditions of the same names.
    """

    replicas: int
    reason: Reason
    message: str
    review_at: float | None
    demand_known: Verdict
    budget_attainable: Verdict
    within_limits: Verdict
    due_at: float | None = None

    @property
    def aims_at_zero(self) -> bool:
        """Whether the pool should be at zero, also while its last replicas still have to stay."""
        return self.replicas == 0 or self.reason is Reason.HANDING_OVER
