"""What all policies of one comparison share: the promise, the bounds and the delays of a cluster."""

from dataclasses import dataclass

from poolkeeper.api.pool import StartMode


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What goes wrong while Poolkeeper watches; peers are not disturbed."""

    lag_seconds: float = 0.0
    """From the reading of the queue until Poolkeeper has the sample."""
    lost_percent: float = 0.0
    """Share of polls that fail."""
    clock_back_seconds: float = 0.0
    """By how much Poolkeeper's clock is put back every hour."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The promise of a pool, and how its replicas behave."""

    budget_seconds: float
    objective_percent: float = 99.5
    """Only Poolkeeper has an objective."""
    concurrency: int = 1
    min_replicas: int = 0
    max_replicas: int = 1
    start: StartMode = StartMode.AT_DEADLINE
    keeps_warm: bool = False
    """What the pool declares to Poolkeeper as `whenUnattainable`: KeepWarm, or BestEffort."""
    drains: bool = True
    """Whether a replica that is stopped finishes its work, which is what the pool declares to Poolkeeper."""
    poll_seconds: float = 0.5
    """How often Poolkeeper and the timeouts read the queue; other peers have clocks of their own."""
    write_seconds: float = 0.1
    """From a decision until the written number of replicas takes effect."""
    termination_seconds: float = 5.0
    """For how long after its last request a stopped replica is still paid."""
    start_prior_seconds: float = 60.0
    """The start time that is expected before any start was seen."""
    expected_service_seconds: float | None = None
    """The service time that is expected before any request was completed; None where the pool declares
    none."""
    disturbance: Disturbance = Disturbance()
    seed: int = 0
