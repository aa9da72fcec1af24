"""What is the same for every policy in one comparison: the promise, the bounds and the machine's delays."""

from dataclasses import dataclass

from poolkeeper.api.pool import StartMode


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What goes wrong while Poolkeeper watches: late samples, polls that fail (share in percent), and a clock
    that is put back every hour.
    """

    lag_seconds: float = 0.0
    lost_percent: float = 0.0
    clock_back_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """One pool's promise and physics.

    `poll_seconds` and `objective_percent` are Poolkeeper's own; peers keep their own clocks. A written number
    of replicas takes effect `write_seconds` after the decision; a stopped replica is paid for until
    `termination_seconds` after its last request. `drains` is what Poolkeeper is told of a replica that is
    stopped at work: a replayed one finishes it in any case.
    """

    budget_seconds: float
    objective_percent: float = 99.5
    concurrency: int = 1
    min_replicas: int = 0
    max_replicas: int = 1
    start: StartMode = StartMode.AT_DEADLINE
    drains: bool = True
    poll_seconds: float = 0.5
    write_seconds: float = 0.1
    termination_seconds: float = 5.0
    start_prior_seconds: float = 60.0
    disturbance: Disturbance = Disturbance()
    seed: int = 0
