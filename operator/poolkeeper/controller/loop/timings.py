"""Metrics of the operator itself: how long decisions and reactions take, and which writes failed."""

from prometheus_client import CollectorRegistry, Counter, Histogram

REACTION_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0, 10.0, 60.0)
DECIDE_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1)


class Timings:
    """How fast the operator is, and how many of its writes failed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decide = Histogram(
            "poolkeeper_decide_seconds", "Time of one decision.", buckets=DECIDE_BUCKETS, registry=registry
        )
        self.reaction = Histogram(
            "poolkeeper_reaction_seconds",
            "From the news that changed a decision, or from the instant at which a start was due, until the "
            "scale write was answered.",
            buckets=REACTION_BUCKETS,
            registry=registry,
        )
        self.failed_writes = Counter(
            "poolkeeper_scale_write_failures", "Scale writes that failed.", ["reason"], registry=registry
        )
        self.pool_errors = Counter(
            "poolkeeper_pool_errors",
            "Looks at a pool that ended in a bug of the operator.",
            registry=registry,
        )
        self.dropped_events = Counter(
            "poolkeeper_dropped_events", "Kubernetes events that were not written.", registry=registry
        )
