"""The part of a pool's declaration that a decision depends on, as plain values with units in their names."""

from dataclasses import dataclass, field

from poolkeeper.api.pool import StartMode, WhenUnattainable, ZeroMode
from poolkeeper.core.tuning import (
    LEAST_ALLOWED_SHARE,
    SAFETY_MARGIN_BUDGET_SHARE,
    SAFETY_MARGIN_SECONDS,
    STRICTEST_PERCENT,
    UNDECLARED_SERVICE_SECONDS,
)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How far one source can be trusted."""

    name: str
    poll_seconds: float = 0.5
    """Seconds between two reads."""
    stale_after_seconds: float = 10.0
    """An older reading counts as unknown."""
    sees_in_flight: bool = True
    """Whether requests that a replica has taken are visible."""
    counts_taken: bool = True
    """Whether a request that comes and goes between two reads is noticed, such as by a counter. Only asked
    where requests in flight are visible."""
    max_service_seconds: float | None = None
    """The longest that a request may be in flight; needed if requests in flight are not visible."""
    outlives_workers: bool = False
    """Whether a request in flight stays where it is when its worker dies: an entry in Redis does, a call over
    HTTP does not."""

    @property
    def unmoved_seconds(self) -> float:
        """Seconds after which a request in flight that has not moved is shown: its worker may be gone."""
        return unmoved_seconds(self.max_service_seconds)


def unmoved_seconds(max_service_seconds: float | None) -> float:
    """The limit for requests in flight, where a source declares this longest service time or none."""
    return UNDECLARED_SERVICE_SECONDS if max_service_seconds is None else max_service_seconds


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
    """One pool's bounds, promise and prices, as declared.

    The last six fields are derived once, because every decision asks for them.
    """

    max_replicas: int
    budget_seconds: float
    """The longest promised wait."""
    min_replicas: int = 0
    concurrency: int = 1
    """Requests that one replica works on at once."""
    objective_percent: float = 99.0
    """Share of requests to be taken within the budget."""
    start: StartMode = StartMode.AT_DEADLINE
    when_unattainable: WhenUnattainable = WhenUnattainable.BEST_EFFORT
    zero_mode: ZeroMode = ZeroMode.LEARNED
    idle_seconds: float | None = None
    """The keep-warm time of a pool whose zero mode is Fixed."""
    drains_on_termination: bool = False
    """Whether a replica that is asked to stop finishes its requests."""
    sources: tuple[SourceSpec, ...] = (SourceSpec("queue"),)
    start_prior_seconds: float = 60.0
    """The expected start time until starts have been measured."""
    expected_service_seconds: float | None = None
    """How long a replica is expected to work on one request, until requests have been completed; None where
    nobody says."""
    node_tail_seconds: float = 0.0
    """How long a node is paid for after its last replica has stopped."""
    pods_per_replica: int = 1
    """Pods of the target that are one replica. Only sentences about declared numbers of pods need it."""
    allowed_share: float = field(init=False, repr=False, compare=False)
    """Share of requests that may be late."""
    may_delay: bool = field(init=False, repr=False, compare=False)
    """Whether a start may wait at all."""
    poll_seconds: float = field(init=False, repr=False, compare=False)
    """The longest poll interval of a source."""
    outlives_workers: bool = field(init=False, repr=False, compare=False)
    """Whether each source keeps requests in flight whose workers are gone."""
    uncounted: frozenset[str] = field(init=False, repr=False, compare=False)
    """Sources that see requests in flight, and miss those that come and go between two reads."""
    margin_seconds: float = field(init=False, repr=False, compare=False)
    """Seconds between a need and its effect besides the start: polling, writing, taking."""

    def __post_init__(self) -> None:
        derive = object.__setattr__
        poll_seconds = max((source.poll_seconds for source in self.sources), default=0.0)
        derive(self, "allowed_share", max(1.0 - self.objective_percent / 100.0, LEAST_ALLOWED_SHARE))
        is_delayed = self.start is not StartMode.IMMEDIATELY and self.objective_percent < STRICTEST_PERCENT
        derive(self, "may_delay", is_delayed)
        derive(self, "poll_seconds", poll_seconds)
        derive(self, "outlives_workers", all(source.outlives_workers for source in self.sources))
        uncounted = (each.name for each in self.sources if each.sees_in_flight and not each.counts_taken)
        derive(self, "uncounted", frozenset(uncounted))
        derive(
            self,
            "margin_seconds",
            min(SAFETY_MARGIN_SECONDS + poll_seconds, SAFETY_MARGIN_BUDGET_SHARE * self.budget_seconds),
        )
