"""The part of a pool's declaration that a decision depends on, as plain values with units in their names."""

from dataclasses import dataclass, field

from poolkeeper.api.pool import StartMode, WhenUnattainable, ZeroMode
from poolkeeper.core.tuning import (
    LEAST_ALLOWED_SHARE,
    SAFETY_MARGIN_BUDGET_SHARE,
    SAFETY_MARGIN_SECONDS,
    STRICTEST_PERCENT,
)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How far one source can be trusted.

    A reading older than `stale_after_seconds` is unknown. `sees_in_flight` says whether work that a replica
    has taken is visible; where it is not, `max_service_seconds` is the longest a request may take.
    """

    name: str
    poll_seconds: float = 0.5
    stale_after_seconds: float = 10.0
    sees_in_flight: bool = True
    max_service_seconds: float | None = None


def start_mode(declared: StartMode, *, is_held: bool) -> StartMode:
    """What `Auto` means: start at once where clients hold a connection (`is_held`), else at the deadline.

    A client that waits on a connection notices every second. A request in a queue only needs to be taken
    within the budget, so its start can wait for more requests.
    """
    if declared is not StartMode.AUTO:
        return declared
    return StartMode.IMMEDIATELY if is_held else StartMode.AT_DEADLINE


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """One pool's bounds, promise and prices.

    `start_prior_seconds` is the class's or the user's expectation of a cold start, used until real starts
    have been seen. `node_tail_seconds` is how long the node is still paid for after its last replica stops.

    Derived, once, because every decision asks for it: `allowed_share` is the share of requests that may wait
    longer than the budget, `may_delay` whether a start may wait at all, `poll_seconds` the longest poll
    interval of a source, `margin_seconds` the time between a need and its effect that is not part of the
    start: polling, writing, taking.
    """

    max_replicas: int
    budget_seconds: float
    min_replicas: int = 0
    concurrency: int = 1
    objective_percent: float = 99.0
    start: StartMode = StartMode.AT_DEADLINE
    when_unattainable: WhenUnattainable = WhenUnattainable.BEST_EFFORT
    zero_mode: ZeroMode = ZeroMode.LEARNED
    idle_seconds: float | None = None
    drains_on_termination: bool = False
    sources: tuple[SourceSpec, ...] = (SourceSpec("queue"),)
    start_prior_seconds: float = 60.0
    node_tail_seconds: float = 0.0
    allowed_share: float = field(init=False, repr=False, compare=False)
    may_delay: bool = field(init=False, repr=False, compare=False)
    poll_seconds: float = field(init=False, repr=False, compare=False)
    margin_seconds: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        derive = object.__setattr__
        poll_seconds = max((source.poll_seconds for source in self.sources), default=0.0)
        derive(self, "allowed_share", max(1.0 - self.objective_percent / 100.0, LEAST_ALLOWED_SHARE))
        is_delayed = self.start is not StartMode.IMMEDIATELY and self.objective_percent < STRICTEST_PERCENT
        derive(self, "may_delay", is_delayed)
        derive(self, "poll_seconds", poll_seconds)
        derive(
            self,
            "margin_seconds",
            min(SAFETY_MARGIN_SECONDS + poll_seconds, SAFETY_MARGIN_BUDGET_SHARE * self.budget_seconds),
        )
